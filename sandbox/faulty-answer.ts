import { type Answer, errorAnswer, okAnswer, statusAnswer } from './answers.ts';
import { withBadItems, withBadTotals } from './bad-lists.ts';
import type { Fault } from './fault.ts';
import type { InjectedFault } from './faults.ts';

type Effect = NonNullable<InjectedFault['effect']>;

/** Faults of the transfer: they affect the connection, not the answer. */
export type TransferEffect = Extract<Effect, { kind: 'truncate' | 'slow' | 'drop' | 'bomb' | 'undeclared-gzip' }>;

export const transferOf = (effect: Effect | null): TransferEffect | null =>
  effect && ['truncate', 'slow', 'drop', 'bomb', 'undeclared-gzip'].includes(effect.kind)
    ? (effect as TransferEffect)
    : null;

/** The answer of a fault instead of the true one. */
export function faultyAnswer(answer: Answer, effect: Effect | null): Answer {
  if (effect === null) return answer;
  switch (effect.kind) {
    case 'drop':
    case 'truncate':
    case 'slow':
    case 'bomb':
    case 'undeclared-gzip':
      return answer;
    case 'status':
      return statusAnswer(effect.status, effect.code, retryAfterHeader(effect));
    case 'html':
      return text('text/html; charset=utf-8', '<!DOCTYPE html><html><body><h1>Please wait</h1></body></html>\n');
    case 'redirect':
      return { status: 302, headers: { location: effect.location }, body: Buffer.alloc(0) };
    case 'empty':
      return { ...answer, status: 200, body: Buffer.alloc(0) };
    case 'wrong-id':
      return withWrongId(answer);
    case 'bad-items':
      return withBadItems(answer, effect.count);
    case 'bad-totals':
      return withBadTotals(answer);
    case 'error-body':
      return { ...errorAnswer(effect.code), status: 200 };
    case 'body':
      return text(effect.contentType ?? 'application/json;charset=utf-8', effect.body);
  }
}

const text = (contentType: string, body: string): Answer => ({
  status: 200,
  headers: { 'content-type': contentType },
  body: Buffer.from(body),
});

function retryAfterHeader({ status, retryAfter }: Extract<Fault, { kind: 'status' }>): Record<string, string> {
  const value = retryAfter ?? (status === 429 ? '1' : 'none');
  if (value === 'none') return {};
  return { 'retry-after': value === 'date' ? new Date(Date.now() + 2_000).toUTCString() : value };
}

/** Only details have an id to change; a list is unchanged. */
function withWrongId(answer: Answer): Answer {
  const details: unknown = JSON.parse(answer.body.toString());
  if (typeof details !== 'object' || details === null || !('id' in details)) return answer;
  return okAnswer(Buffer.from(JSON.stringify({ ...details, id: Number(details.id) + 1 })), 60);
}
