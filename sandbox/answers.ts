import { hash } from 'node:crypto';

/** An answer before it is sent. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

const json = { 'content-type': 'application/json;charset=utf-8' };

/**
 * A 200 with the headers of TMDb since 2020: a public cache lifetime, no X-RateLimit, and a weak ETag that is
 * the body's MD5 (a recorded one of the genre list is reproduced by it).
 */
export const okAnswer = (body: Buffer, maxAgeSeconds: number): Answer => ({
  status: 200,
  headers: {
    ...json,
    'cache-control': `public, max-age=${maxAgeSeconds}`,
    etag: `W/"${hash('md5', body)}"`,
    vary: 'accept-encoding, Origin',
  },
  body,
});

/** TMDb's own text for each code; two of its layers write the keys in different orders, as here. */
const messages = {
  7: ['Invalid API key: You must be granted a valid key.', 401],
  9: ['Service offline: This service is temporarily offline, try again later.', 503],
  10: ['Suspended API key: Access to your account has been suspended, contact TMDB.', 401],
  11: ['Internal error: Something went wrong, contact TMDB.', 500],
  20: ['Invalid date range: Should be a range no longer than 14 days.', 422],
  22: ['Invalid page: Pages start at 1 and max at 500. They are expected to be an integer.', 400],
  24: ['Your request to the backend server timed out. Try again.', 504],
  25: ['Your request count is over the allowed limit.', 429],
  34: ['The resource you requested could not be found.', 404],
  42: ['This request method is not supported for this resource.', 405],
  43: ["Couldn't connect to the backend server.", 502],
  45: ['This user has been suspended.', 403],
  46: ['The API is undergoing maintenance. Try again later.', 503],
} as const satisfies Record<number, readonly [string, number]>;

export type ErrorCode = keyof typeof messages;

/** Whether `code` is one of TMDb's `status_code`s that the sandbox can answer with. */
export const isErrorCode = (code: number): code is ErrorCode => code in messages;

const successLast: ReadonlySet<ErrorCode> = new Set([7, 20, 22]);

/** One of TMDb's errors, with its recorded body. As at TMDb, a 404 is cacheable. */
export function errorAnswer(code: ErrorCode, headers: Readonly<Record<string, string>> = {}): Answer {
  const [status_message, status] = messages[code];
  const body = successLast.has(code)
    ? { status_code: code, status_message, success: false }
    : { success: false, status_code: code, status_message };
  const cache = code === 34 ? { 'cache-control': 'public, max-age=28800' } : {};
  return { status, headers: { ...json, ...cache, ...headers }, body: Buffer.from(JSON.stringify(body)) };
}

/** HTTP status → the code that TMDb usually returns with it. */
const usualCode: ReadonlyMap<number, ErrorCode> = new Map([
  [400, 22],
  [401, 7],
  [403, 45],
  [404, 34],
  [405, 42],
  [422, 20],
  [429, 25],
  [500, 11],
  [502, 43],
  [503, 46],
  [504, 24],
]);

/** An answer of any status: with TMDb's body for it if there is one, otherwise empty. */
export function statusAnswer(status: number, code: ErrorCode | undefined, headers: Record<string, string>): Answer {
  const known = code ?? usualCode.get(status);
  if (known === undefined) return { status, headers: { ...json, ...headers }, body: Buffer.alloc(0) };
  return { ...errorAnswer(known, headers), status };
}
