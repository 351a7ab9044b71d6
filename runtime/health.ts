import type { Clock } from './clock.ts';
import { messageOf } from './errors.ts';
import { scrub } from './scrub.ts';
import type { Secret } from './secret.ts';

/** The answer of `/healthz` and `/readyz`. */
export interface Verdict {
  readonly ok: boolean;
  /** What was checked → `ok`, or the problem. */
  readonly checks: Readonly<Record<string, string>>;
}

/** Resolves if the dependency is reachable. @throws if it is not. */
type Check = () => Promise<void>;

interface Pulse {
  lastBeat: number;
  readonly limitMs: number;
}

/** A dependency that has not answered after this time is out of reach. */
const checkTimeoutMs = 3_000;

/**
 * Whether a service is alive, and whether it is ready. Alive: each of its pulses has beaten recently; if not, a restart helps.
 * Ready: its dependencies are reachable; if not, a restart does not help, and work waits.
 */
export class Health {
  readonly #clock: Clock;
  readonly #secrets: readonly Secret[];
  readonly #pulses = new Map<string, Pulse>();
  readonly #checks = new Map<string, readonly Check[]>();

  /** @param secrets never appear in an answer, whatever a dependency reports. */
  constructor(clock: Clock, secrets: readonly Secret[] = []) {
    this.#clock = clock;
    this.#secrets = secrets;
  }

  /**
   * @param limitMs after this time without a beat, the service counts as stalled.
   * @returns a function to call whenever the part called `name` makes progress.
   */
  pulse(name: string, limitMs: number): () => void {
    const pulse = { lastBeat: this.#clock.monotonic(), limitMs };
    this.#pulses.set(name, pulse);
    return () => {
      pulse.lastBeat = this.#clock.monotonic();
    };
  }

  /** All parts wait for an unreachable dependency: none of them counts as stalled up to now. */
  excuse(): void {
    for (const pulse of this.#pulses.values()) pulse.lastBeat = this.#clock.monotonic();
  }

  /** Adds a dependency that `readiness` checks; several parts may name the same one. */
  dependsOn(name: string, check: Check): void {
    const others = this.#checks.get(name) ?? [];
    this.#checks.set(name, [...others, check]);
  }

  liveness(): Verdict {
    const now = this.#clock.monotonic();
    const checks = [...this.#pulses].map(([name, { lastBeat, limitMs }]) => {
      const silentMs = now - lastBeat;
      return [name, silentMs <= limitMs ? 'ok' : `no progress for ${Math.round(silentMs / 1_000)} s`] as const;
    });
    return verdict(checks);
  }

  async readiness(): Promise<Verdict> {
    const checks = [...this.#checks].map(async ([name, all]) => {
      const results = await Promise.all(all.map((check) => this.#examine(check)));
      return [name, results.find((result) => result !== 'ok') ?? 'ok'] as const;
    });
    return verdict(await Promise.all(checks));
  }

  async #examine(check: Check): Promise<string> {
    const timer = new AbortController();
    const late = this.#clock
      .sleep(checkTimeoutMs, timer.signal)
      .then(() => `no answer within ${checkTimeoutMs / 1_000} s`)
      .catch(() => 'ok');
    const answer = check()
      .then(() => 'ok')
      .catch((error) => scrub(messageOf(error), this.#secrets).split('\n')[0] ?? 'failed');
    const result = await Promise.race([answer, late]);
    timer.abort();
    return result;
  }
}

const verdict = (checks: readonly (readonly [string, string])[]): Verdict => ({
  ok: checks.every(([, result]) => result === 'ok'),
  checks: Object.fromEntries(checks),
});
