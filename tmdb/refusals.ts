import type { Clock } from '../runtime/clock.ts';
import type { Endpoint } from './endpoint.ts';
import { CredentialsRefusedError, UntrustedServerError } from './errors.ts';

export type RefusalError = CredentialsRefusedError | UntrustedServerError;

/** Whether an error concerns every request, so that it does not count as an attempt of this one. */
export const isRefused = (error: unknown): error is RefusalError =>
  error instanceof CredentialsRefusedError || error instanceof UntrustedServerError;

interface Refusal {
  readonly error: RefusalError;
  /** Monotonic ms of the first refusal since the endpoint's last answer. */
  readonly since: number;
  /** Monotonic ms until which it is in force. */
  readonly until: number;
}

/**
 * Decides which requests must not be sent because TMDb refused others. A refusal by one endpoint blocks all endpoints, because the
 * credentials are the same. It does not block an endpoint that has answered since that refusal began.
 */
export class Refusals {
  readonly #clock: Clock;
  readonly #holdMs: number;
  readonly #refusals = new Map<Endpoint, Refusal>();
  /** Monotonic ms of each endpoint's last answer. */
  readonly #answeredAt = new Map<Endpoint, number>();

  /** @param holdMs how long a refusal blocks requests before one request may try again. */
  constructor(clock: Clock, holdMs = Number.POSITIVE_INFINITY) {
    this.#clock = clock;
    this.#holdMs = holdMs;
  }

  add(endpoint: Endpoint, error: RefusalError): void {
    const now = this.#clock.monotonic();
    const since = this.#refusals.get(endpoint)?.since ?? now;
    this.#refusals.set(endpoint, { error, since, until: now + this.#holdMs });
  }

  /** An answer to a request that was in flight when another one was refused does not end the refusal. */
  answered(endpoint: Endpoint): void {
    this.#answeredAt.set(endpoint, this.#clock.monotonic());
    if (!this.isBlocked(endpoint)) this.#refusals.delete(endpoint); // mutant: fetcher.refusal-ends
  }

  /** @throws the refusal that blocks a request to this endpoint. */
  throwIfAny(endpoint: Endpoint): void {
    const refusal = this.#blocking(endpoint);
    if (refusal) throw refusal.error;
  }

  isBlocked(endpoint: Endpoint): boolean {
    return this.#blocking(endpoint) !== undefined;
  }

  /** Milliseconds until the next refusal ends; 0 if none is in force. */
  leftMs(): number {
    const now = this.#clock.monotonic();
    const left = [...this.#refusals.values()].map(({ until }) => until - now).filter((ms) => ms > 0);
    return left.length > 0 ? Math.min(...left) : 0;
  }

  #blocking(endpoint: Endpoint): Refusal | undefined {
    const now = this.#clock.monotonic();
    const answeredAt = this.#answeredAt.get(endpoint) ?? Number.NEGATIVE_INFINITY;
    return [...this.#refusals].find(
      ([other, { since, until }]) => now < until && (other === endpoint || answeredAt <= since), // mutant: fetcher.refusal-of-others
    )?.[1];
  }
}
