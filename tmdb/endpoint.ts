import type { Clock } from '../runtime/clock.ts';
import { messageOf } from '../runtime/errors.ts';
import type { Logger } from '../runtime/logger.ts';
import { type AppendedPart, moviePath } from './appended-parts.ts';
import { CredentialsRefusedError, TooManyRequestsError, UntrustedServerError } from './errors.ts';

/** TMDb's endpoints fail independently, so the client waits for each of them separately. */
export const endpoints = ['movie', 'popular', 'changes', 'genres'] as const;
export type Endpoint = (typeof endpoints)[number];

/** Why an endpoint is out: no answer, nothing but 429, refused credentials, a server that is not TMDb. */
type OutageReason = 'unreachable' | 'limited' | 'refused' | 'untrusted';

export interface Outage {
  readonly reason: OutageReason;
  /** For the user. Never contains a key. */
  readonly message: string;
}

/**
 * Default probes, used until the endpoint has answered a path: old movies, the first pages. A 404 for one
 * of them is an answer too. The genre list is one document, so its probe is the list itself.
 * @param parts those of the other requests: TMDb may fail only with them.
 */
export const defaultProbes = (parts: readonly AppendedPart[]): Readonly<Record<Endpoint, readonly string[]>> => ({
  movie: [moviePath(550, parts), moviePath(13, parts)],
  popular: ['/movie/popular?page=1', '/movie/popular?page=2'],
  changes: ['/movie/changes?page=1', '/movie/changes?page=2'],
  genres: ['/genre/movie/list?language=en'],
});

/** How many recently answered paths are kept as probes: several, so that one bad document does not decide alone. */
const probesKept = 5;

/** The outage state of one endpoint, as this process sees it. Logs one line when an outage begins and one when it ends. */
export class EndpointState {
  readonly #name: Endpoint;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #onOutage: (outage: Outage | null) => void;
  readonly #defaultProbes: readonly string[];
  /** Monotonic ms of the first failure since the last success; undefined while it answers. */
  #failingSince: number | undefined;
  #outage: Outage | null = null;
  /** Answered paths, the newest first. */
  #answered: readonly string[] = [];
  #asked = 0;

  constructor(
    name: Endpoint,
    {
      clock,
      log,
      probes,
      onOutage,
    }: {
      readonly clock: Clock;
      readonly log: Logger;
      /** The paths that are probed until the endpoint has answered others. */
      readonly probes: readonly string[];
      readonly onOutage: (outage: Outage | null) => void;
    },
  ) {
    this.#name = name;
    this.#clock = clock;
    this.#log = log;
    this.#onOutage = onOutage;
    this.#defaultProbes = probes;
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

  /** Records that the endpoint as a whole is out, not a single request. */
  isOut(error: unknown): void {
    const outage = { reason: reasonOf(error), message: messageOf(error) };
    if (this.#outage?.reason === outage.reason) return;
    this.#outage = outage;
    this.#onOutage(outage);
    this.#log.warn({ endpoint: this.#name, reason: outage.reason, error: outage.message }, 'TMDb is out, waiting');
  }

  /** A different path of the same endpoint; if there are several, another one each time. */
  probeFor(path: string): string {
    const known = [...this.#answered, ...this.#defaultProbes].filter((other) => other !== path); // mutant: fetcher.own-probes
    const probes = [...new Set(known)];
    const probe = probes[this.#asked % probes.length] ?? path;
    this.#asked += 1; // mutant: fetcher.probes-asked
    return probe;
  }
}

function reasonOf(error: unknown): OutageReason {
  if (error instanceof CredentialsRefusedError) return 'refused';
  if (error instanceof UntrustedServerError) return 'untrusted';
  return error instanceof TooManyRequestsError ? 'limited' : 'unreachable';
}
