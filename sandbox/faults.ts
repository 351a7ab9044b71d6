import { type ErrorCode, isErrorCode } from './answers.ts';
import { hashUnit } from './random.ts';

/** The requests into which a fault is injected. */
export interface FaultScope {
  /** Share of the requests under `path` with the fault, 0 to 1. @default 1 */
  readonly rate?: number;
  /** Beginning of the path below `/3`; `{id}` stands for a number: `/movie/{id}` matches only details. @default every path */
  readonly path?: string;
  /** Maximum number of requests with the fault. @default no maximum */
  readonly times?: number;
}

/** What a fault does to an answer. */
export type FaultEffect =
  /** An error answer with TMDb's body for it; `retryAfter` is `date`, `none` or the header's text. */
  | { readonly kind: 'status'; readonly status: number; readonly code?: number; readonly retryAfter?: string }
  /** The answer comes later; the only fault that can be combined with another. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Half of the body that Content-Length promises, then the connection ends. */
  | { readonly kind: 'truncate' }
  /** The headers at once, the body slowly. */
  | { readonly kind: 'slow'; readonly bytesPerSecond: number }
  /** A proxy's page: 200, text/html. */
  | { readonly kind: 'html' }
  /** 302. */
  | { readonly kind: 'redirect'; readonly location: string }
  /** The connection is cut with no answer. */
  | { readonly kind: 'drop' }
  /** 200 and no body. */
  | { readonly kind: 'empty' }
  /** The details of another movie. */
  | { readonly kind: 'wrong-id' }
  /** Valid JSON that unpacks from a thousandth of its size. */
  | { readonly kind: 'bomb'; readonly bytes: number }
  /** This many bad elements between the good ones of a list. */
  | { readonly kind: 'bad-items'; readonly count: number }
  /** A list with invalid totals. */
  | { readonly kind: 'bad-totals' }
  /** The true answer in gzip, without a Content-Encoding header. */
  | { readonly kind: 'undeclared-gzip' }
  /** 200 with one of TMDb's error bodies. */
  | { readonly kind: 'error-body'; readonly code: ErrorCode }
  /** 200 and this body. */
  | { readonly kind: 'body'; readonly body: string; readonly contentType?: string };

export type Fault = FaultScope & FaultEffect;

/** The faults of one request: how long it is delayed, and what changes its answer. */
export interface InjectedFault {
  readonly delayMs: number;
  readonly effect: Exclude<FaultEffect, { kind: 'delay' }> | null;
}

interface Armed {
  readonly fault: Fault;
  readonly matches: (path: string) => boolean;
  seen: number;
  injected: number;
}

/**
 * Decides into which requests faults are injected. If several faults match, the first in the list counts;
 * delays add up, and one other fault can be combined with them. With the same seed, the n-th request that a fault sees always has the same outcome.
 */
export class FaultPlan {
  readonly #seed: number;
  readonly #armed: readonly Armed[];

  constructor(faults: readonly Fault[], seed: number) {
    this.#seed = seed;
    this.#armed = faults.map((fault) => ({ fault, matches: matcher(fault.path ?? '/'), seen: 0, injected: 0 }));
  }

  get faults(): readonly Fault[] {
    return this.#armed.map(({ fault }) => fault);
  }

  /** @param path below `/3`, such as `/movie/550`. */
  inject(path: string): InjectedFault {
    let delayMs = 0;
    let effect: InjectedFault['effect'] = null;
    for (const [index, armed] of this.#armed.entries()) {
      const { fault } = armed;
      if (effect !== null && fault.kind !== 'delay') continue;
      if (!armed.matches(path) || !this.#fires(armed, index)) continue;
      if (fault.kind === 'delay') delayMs += fault.ms;
      else effect = fault;
    }
    return { delayMs, effect };
  }

  #fires(armed: Armed, index: number): boolean {
    if (armed.injected >= (armed.fault.times ?? Number.POSITIVE_INFINITY)) return false;
    armed.seen += 1;
    if (hashUnit(this.#seed, index, armed.seen) >= (armed.fault.rate ?? 1)) return false;
    armed.injected += 1;
    return true;
  }
}

function matcher(prefix: string): (path: string) => boolean {
  if (!prefix.includes('{id}')) return (path) => path.startsWith(prefix);
  const parts = prefix.split('{id}').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const pattern = new RegExp(`^${parts.join('\\d+')}`);
  return (path) => pattern.test(path);
}

/** Whether a status fault names a code for which the sandbox has a body. */
export const knownCode = (code: number | undefined) => (code !== undefined && isErrorCode(code) ? code : undefined);
