import type { SnowflakeFault, SnowflakeRequest } from './proxy.ts';

const any: readonly SnowflakeFault[] = [
  'close',
  'reset',
  'hang',
  'late request',
  'late reply',
  '503',
  '429',
  'expired',
];

/** The faults for each kind of request, and how often they are injected. */
const faultsOf: Readonly<Record<string, { readonly faults: readonly SnowflakeFault[]; readonly rate: number }>> = {
  login: { faults: ['close', 'hang', 'reset', '503', 'late reply'], rate: 0.08 },
  // The session stays open, with its open transaction.
  logout: { faults: ['hang', 'reset', 'late request'], rate: 0.15 },
  upload: { faults: ['close', 'reset', '503'], rate: 0.1 },
  rollback: { faults: ['close', 'reset', 'hang'], rate: 0.1 },
  ...Object.fromEntries(
    ['begin', 'update', 'select', 'merge', 'insert', 'put', 'copy', 'delete'].map((kind) => [
      kind,
      { faults: any, rate: 0.03 },
    ]),
  ),
  commit: { faults: any, rate: 0.3 },
};

/** Injects all faults of each kind in random order before any of them repeats. Stops after `wanted` injections. */
export class RandomFaults {
  /** Resolves after the last injection. */
  readonly over: Promise<void>;
  readonly #random: () => number;
  readonly #decks = new Map<string, SnowflakeFault[]>();
  readonly #resolve: () => void;
  #left: number;

  constructor(random: () => number, wanted: number) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.over = promise;
    this.#resolve = resolve;
    this.#random = random;
    this.#left = wanted;
  }

  readonly judge = ({ kind }: SnowflakeRequest): SnowflakeFault | undefined => {
    const { faults, rate } = faultsOf[kind] ?? { faults: [], rate: 0 };
    if (this.#left === 0 || this.#random() >= rate) return undefined;
    const deck = this.#decks.get(kind) ?? [];
    if (deck.length === 0) deck.push(...faults);
    this.#decks.set(kind, deck);
    const [fault] = deck.splice(Math.floor(this.#random() * deck.length), 1);
    this.#left -= 1;
    if (this.#left === 0) this.#resolve();
    return fault;
  };
}

type Judge = (request: SnowflakeRequest) => SnowflakeFault | undefined;

/** Injects the fault into a number of requests of a kind, from the `nth` on. */
export function injectOn(kind: string, fault: SnowflakeFault, { nth = 1, times = 1 } = {}): Judge {
  let seen = 0;
  return (request) => {
    if (request.kind !== kind) return undefined;
    seen += 1;
    return seen >= nth && seen < nth + times ? fault : undefined;
  };
}

/** The first result that is defined. */
export const eitherOf =
  (...judges: readonly Judge[]): Judge =>
  (request) => {
    const faults = judges.map((judge) => judge(request));
    return faults.find((fault) => fault !== undefined);
  };
