/**
 * TMDb's own `status_code`s and the HTTP status that its documentation gives for each
 * (developer.themoviedb.org/docs/errors, 47 codes in 2026).
 */
const statusOfCode: ReadonlyMap<number, number> = new Map([
  ...[1, 13, 21, 40].map((code) => [code, 200] as const),
  [12, 201],
  ...[18, 22, 23, 26, 27, 28, 29, 47].map((code) => [code, 400] as const),
  ...[3, 7, 10, 14, 16, 17, 30, 31, 32, 33, 35, 36, 38, 39].map((code) => [code, 401] as const),
  ...[8, 45].map((code) => [code, 403] as const),
  ...[6, 34, 37].map((code) => [code, 404] as const),
  ...[4, 42].map((code) => [code, 405] as const),
  [19, 406],
  ...[5, 20, 41].map((code) => [code, 422] as const),
  [25, 429],
  ...[11, 15, 44].map((code) => [code, 500] as const),
  [2, 501],
  [43, 502],
  ...[9, 46].map((code) => [code, 503] as const),
  [24, 504],
]);

/** Each of these codes means that there is no such movie. */
const goneCodes: ReadonlySet<number | null> = new Set([34, 6, 37]);

/** Their status is 401 or 403, but they are about one resource: duplicate entry, no permission to edit it, private. */
const codesOfOneResource: ReadonlySet<number | null> = new Set([8, 38, 39]);

export const isGoneCode = (code: number | null): boolean => goneCodes.has(code);

/** Whether an answer means that TMDb serves no request until a person has fixed the credentials. */
export const isRefusal = (status: number, code: number | null): boolean =>
  (status === 401 || status === 403) && !codesOfOneResource.has(code); // mutant: fetcher.code-of-one-movie

/** A code that TMDb's list lacks means only that the request failed: it is retried like a 500. */
const unknownCode = 500;

/** Keys of the documents that we request. A body with one of them is not an error body, unless it says so itself. */
const documentKeys = ['id', 'results', 'genres'];

/**
 * The error that a JSON body reports, whatever the HTTP status beside it: `{"success":false,"status_code":34,...}`, or
 * the older form without `success`. @returns null if the body is not an error body.
 */
export function errorIn(body: unknown): { readonly code: number | null; readonly status: number } | null {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return null;
  const { success, status_code } = body as { success?: unknown; status_code?: unknown };
  const code = toCode(status_code);
  const saysSo = success === false;
  const looksLikeOne = success === undefined && code !== null && !documentKeys.some((key) => Object.hasOwn(body, key));
  if (!saysSo && !looksLikeOne) return null;
  return { code, status: statusOfCode.get(code ?? Number.NaN) ?? unknownCode };
}

function toCode(value: unknown): number | null {
  const number = typeof value === 'string' && /^\d{1,4}$/.test(value) ? Number(value) : value;
  return Number.isInteger(number) ? (number as number) : null;
}
