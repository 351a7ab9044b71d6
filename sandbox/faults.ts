import type { Fault } from './fault.ts';
import { hashUnit } from './random.ts';

/** The faults of one request: how long it is delayed, and what changes its answer. */
export interface InjectedFault {
  readonly delayMs: number;
  readonly effect: Exclude<Fault, { kind: 'delay' }> | null;
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
