import { randomUUID } from 'node:crypto';

/**
 * When and why a movie was requested, and the trace of the request. It travels in headers, from the id to the answer and into
 * BRONZE. A field that is unknown is absent.
 */
export interface MovieRequest {
  readonly requestedAt?: Date;
  readonly reason?: string;
  /** W3C Trace Context. */
  readonly traceparent?: string;
}

type Headers = Readonly<Record<string, string>>;

/** OpenTelemetry's Kafka clients use the same name for the trace. */
const header = { requestedAt: 'tmdb-requested-at', reason: 'tmdb-reason', traceparent: 'traceparent' } as const;

/** A new trace, marked as sampled. Node keeps random bytes ready for UUIDs: over a million ids are published at once. */
export function newTraceparent(): string {
  const [trace, parent] = [randomUUID(), randomUUID()].map((id) => id.replaceAll('-', ''));
  return `00-${trace}-${parent?.slice(16)}-01`;
}

/** @returns undefined if there is none, or if W3C Trace Context (version 00) does not allow it. */
export function traceparentIn(headers: Headers = {}): string | undefined {
  const text = headers[header.traceparent] ?? '';
  return /^00-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}$/.test(text) ? text : undefined;
}

/** The headers of a request. */
export const headersOf = ({ requestedAt, reason, traceparent }: MovieRequest): Headers => ({
  ...(requestedAt && { [header.requestedAt]: String(requestedAt.getTime()) }),
  ...(reason && { [header.reason]: reason }),
  ...(traceparent && { [header.traceparent]: traceparent }),
});

/**
 * The request in the headers of a record. Values that we would not write are ignored. The check does not depend on the list of reasons:
 * an older and a newer version must read the same row from a record. @returns undefined if there is none.
 */
export function requestIn(headers: Headers = {}): MovieRequest | undefined {
  const at = /^\d{1,13}$/.exec(headers[header.requestedAt] ?? '')?.[0];
  const reason = /^[a-z][a-z_-]{0,31}$/.exec(headers[header.reason] ?? '')?.[0];
  const traceparent = traceparentIn(headers);
  if (!(at || reason || traceparent)) return undefined;
  return {
    ...(at && { requestedAt: new Date(Number(at)) }),
    ...(reason && { reason }),
    ...(traceparent && { traceparent }),
  };
}
