/**
 * The `Retry-After` header (RFC 9110, 10.2.3): seconds or an HTTP date.
 * @param nowMs milliseconds since the epoch. @returns milliseconds to wait within `[0, capMs]`, or `fallbackMs` if
 * the header is absent or invalid.
 */
export function retryAfterMs(header: string | undefined, nowMs: number, fallbackMs: number, capMs: number): number {
  const text = header?.trim() ?? '';
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : parseHttpDate(text) - nowMs;
  if (!Number.isFinite(ms)) return Math.min(fallbackMs, capMs);
  return Math.min(Math.max(ms, 0), capMs);
}

/** Every form of a date begins with the day of the week. Otherwise JavaScript would read `-5` as a day in May 2001. */
const parseHttpDate = (text: string): number => (/^[A-Z][a-z]{2,8},? /.test(text) ? Date.parse(text) : Number.NaN);
