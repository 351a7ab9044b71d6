import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { CredentialsRefusedError, TooManyRequestsError, UntrustedServerError } from './errors.ts';

/** TMDb's endpoints fail one by one, so each is waited for by itself. */
export const endpoints = ['movie', 'popular', 'genres'] as const;
export type Endpoint = (typeof endpoints)[number];

/** Why an endpoint is out: no answer, nothing but 429, refused credentials, a server that is not TMDb. */
type OutageReason = 'unreachable' | 'limited' | 'refused' | 'untrusted';

export interface Outage {
  readonly reason: OutageReason;
  /** For a person. Never a key in it. */
  readonly message: string;
}

/**
 * Paths that show whether an endpoint answers as long as none was answered yet: old movies, the first pages. A 404 for one
 * of them is an answer as well. The genre list is one document, so its probe is the list itself.
 */
const defaultProbes: Readonly<Record<Endpoint, readonly string[]>> = {
  movie: ['/movie/550', '/movie/13'],
  popular: ['/movie/popular?page=1', '/movie/popular?page=2'],
  genres: ['/genre/movie/list?language=en'],
};

/** Recently answered paths that are kept as probes: several, so that one that breaks does not decide alone. */
const probesKept = 5;

/** What is known about one endpoint, as this process sees it. Logs one line when it goes out and one when it is back. */
export class EndpointState {
  readonly #name: Endpoint;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #onOutage: (outage: Outage | null) => void;
  /** Monotonic ms of the first failure since the last success; undefined while it answers. */
  #failingSince: number | undefined;
  #outage: Outage | null = null;
  /** Paths that were answered, the newest first. */
  #answered: readonly string[] = [];
  #asked = 0;

  constructor(name: Endpoint, clock: Clock, log: Logger, onOutage: (outage: Outage | null) => void) {
    this.#name = name;
    this.#clock = clock;
    this.#log = log;
    this.#onOutage = onOutage;
  }

  /** Milliseconds since the first failure after the last success. */
  get downMs(): number {
    const now = this.#clock.monotonic();
    return now - (this.#failingSince ?? now);
  }

  failed(): void {
    this.#failingSince ??= this.#clock.monotonic();
  }

  answered(path: string): void {
    this.#answered = [path, ...this.#answered.filter((other) => other !== path)].slice(0, probesKept);
    if (this.#outage) {
      const downMs = Math.round(this.downMs);
      this.#log.info({ endpoint: this.#name, downMs }, 'TMDb answers again');
      this.#outage = null;
      this.#onOutage(null);
    }
    this.#failingSince = undefined;
  }

  /** It is not this or that request that fails, it is the endpoint. */
  isOut(error: unknown): void {
    const outage = { reason: reasonOf(error), message: messageOf(error) };
    if (this.#outage?.reason === outage.reason) return;
    this.#outage = outage;
    this.#onOutage(outage);
    this.#log.warn({ endpoint: this.#name, reason: outage.reason, error: outage.message }, 'TMDb is out, waiting');
  }

  /** A path of the same endpoint that has nothing to do with `path`; another one each time, as far as there are. */
  probeFor(path: string): string {
    const known = [...this.#answered, ...defaultProbes[this.#name]].filter((other) => other !== path);
    const probes = [...new Set(known)];
    const probe = probes[this.#asked % probes.length] ?? path;
    this.#asked += 1;
    return probe;
  }
}

function reasonOf(error: unknown): OutageReason {
  if (error instanceof CredentialsRefusedError) return 'refused';
  if (error instanceof UntrustedServerError) return 'untrusted';
  return error instanceof TooManyRequestsError ? 'limited' : 'unreachable';
}
