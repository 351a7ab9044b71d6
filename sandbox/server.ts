import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Clock, systemClock } from '../runtime/clock.ts';
import { dayMs } from '../runtime/days.ts';
import { UsageError } from '../runtime/errors.ts';
import type { RateLimit } from '../tmdb/token-bucket/token-bucket.ts';
import { type Answer, errorAnswer } from './answers.ts';
import type { Catalogue } from './catalogue.ts';
import { GeneratedCatalogue } from './catalogue-generated.ts';
import { openRecordedCatalogue } from './catalogue-recorded.ts';
import { answerControl } from './control.ts';
import { type ExportFile, exportFileOf, isExported, sendExport } from './export.ts';
import type { Fault } from './fault.ts';
import { FaultPlan, type InjectedFault } from './faults.ts';
import { faultyAnswer, transferOf } from './faulty-answer.ts';
import { type MovieState, MovieStates } from './movie-states.ts';
import { Random } from './random.ts';
import { Routes } from './routes.ts';
import { send, statusOf } from './send.ts';
import { sandboxDefaults } from './settings.ts';
import { SlidingWindow } from './sliding-window.ts';
import { type SandboxStats, StatsCounter } from './stats.ts';

export interface SandboxOptions {
  /** Address to listen on. @default '127.0.0.1' */
  readonly host?: string;
  /** 0 takes a free port. @default 0 */
  readonly port?: number;
  /** NDJSON file of recorded details, gzipped if it ends in `.gz`. @default a generated catalogue */
  readonly catalogueFile?: string | undefined;
  /** Size of the generated catalogue. @default that of SANDBOX_MOVIES */
  readonly movies?: number;
  /** Seed of all random choices: movies, latencies, faults. @default that of SANDBOX_SEED */
  readonly seed?: number;
  /** Version of the generated catalogue: a higher one has newer numbers for a share of the movies. @default 0 */
  readonly version?: number;
  /** Requests in any window; null for none. @default { capacity: 40, windowMs: 10_000 } */
  readonly limit?: RateLimit | null;
  /** Minimum and maximum milliseconds before an answer. @default [0, 0] */
  readonly latencyMs?: readonly [number, number];
  /** Positions by which movies move on the popular list while it is paged; TMDb's is about 5. @default 0 */
  readonly pageDrift?: number;
  /** @default none */
  readonly faults?: readonly Fault[];
  /** The only credential accepted (Bearer token or api_key). @default any */
  readonly token?: string | undefined;
  /** Called once for each counted request, as soon as its outcome is known. */
  readonly onRequest?: (request: SandboxRequest) => void;
  /** @default systemClock */
  readonly clock?: Clock;
}

/** A request as the sandbox saw it. Never contains a key. */
export interface SandboxRequest {
  readonly method: string;
  /** Path and query, without `api_key`. */
  readonly path: string;
  /** When it arrived, monotonic milliseconds of the sandbox's clock. */
  readonly arrivedAtMs: number;
  readonly status: number | 'dropped';
  readonly hasAuthorization: boolean;
  readonly hasApiKey: boolean;
  /** The fault that was injected. */
  readonly fault: InjectedFault['effect'];
}

/** A local substitute for TMDb. */
export interface Sandbox extends AsyncDisposable {
  /** Base URL, such as `http://127.0.0.1:8080/3`. */
  readonly url: string;
  readonly port: number;
  stats(): SandboxStats;
  /** From the next request on; earlier faults and their counts are dropped. */
  setFaults(faults: readonly Fault[]): void;
  /** Another version of the generated catalogue, from the next request on; a recorded one has a single version. */
  setVersion(version: number): void;
  /** Movies leave the popular list, are deleted or merged, or come back, from the next request on. */
  setMovies(states: ReadonlyMap<number, MovieState>): void;
  /** Resets the stats. The limit is not reset: a client that has used it up still has. */
  resetStats(): void;
}

/** TMDb's former limit, and the pipeline's default. */
const defaultLimit: RateLimit = { capacity: 40, windowMs: 10_000 };

/**
 * Starts a server with TMDb's paths, envelopes, headers and errors for popular, details, genres and changes under
 * `/3`, the daily export under `/p/exports`, and its own controls under `/sandbox` (see `answerControl`).
 * @throws UsageError if the catalogue is invalid or the port is in use.
 */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const catalogue = options.catalogueFile
    ? await openRecordedCatalogue(options.catalogueFile)
    : new GeneratedCatalogue({ seed: options.seed, movies: options.movies, version: options.version });
  const sandbox = new RunningSandbox(catalogue, options);
  await sandbox.listen(options.host ?? '127.0.0.1', options.port ?? 0);
  return sandbox;
}

class RunningSandbox implements Sandbox {
  readonly #options: SandboxOptions;
  readonly #clock: Clock;
  readonly #catalogue: Catalogue;
  readonly #states = new MovieStates();
  readonly #routes: Routes;
  readonly #limiter: SlidingWindow | null;
  readonly #stats: StatsCounter;
  readonly #latencies: Random;
  readonly #server: Server;
  /** Aborted at the end, so that no delayed answer outlives the sandbox. */
  readonly #closing = new AbortController();
  #faults: FaultPlan;
  /** The last address, kept after the sandbox has closed. */
  #address: AddressInfo = { address: '', family: 'IPv4', port: 0 };

  constructor(catalogue: Catalogue, options: SandboxOptions) {
    const limit = options.limit === undefined ? defaultLimit : options.limit;
    const clock = options.clock ?? systemClock;
    this.#options = options;
    this.#clock = clock;
    this.#catalogue = catalogue;
    this.#routes = new Routes(catalogue, this.#states, { pageDrift: options.pageDrift ?? 0, now: () => clock.now() });
    this.#limiter = limit && new SlidingWindow(limit);
    this.#stats = new StatsCounter(limit);
    const { seed = sandboxDefaults.seed } = options;
    this.#latencies = new Random(seed, 0x1a7e);
    this.#faults = new FaultPlan(options.faults ?? [], seed);
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => response.destroy());
    });
    // Longer than any window: the connections of a client that waits for its next token stay open.
    this.#server.keepAliveTimeout = 65_000;
    this.#server.on('connection', (socket) => {
      this.#stats.connected();
      socket.once('close', () => this.#stats.disconnected());
    });
  }

  get port(): number {
    return this.#address.port;
  }

  get url(): string {
    const { address, family, port } = this.#address;
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}/3`;
  }

  stats(): SandboxStats {
    return this.#stats.read();
  }

  faults(): readonly Fault[] {
    return this.#faults.faults;
  }

  setFaults(faults: readonly Fault[]): void {
    this.#faults = new FaultPlan(faults, this.#options.seed ?? sandboxDefaults.seed);
  }

  setVersion(version: number): void {
    this.#catalogue.setVersion?.(version);
  }

  setMovies(states: ReadonlyMap<number, MovieState>): void {
    this.#states.set(states, Math.floor(this.#clock.now() / dayMs));
  }

  resetStats(): void {
    this.#stats.reset();
  }

  listen(host: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const onError = (error: NodeJS.ErrnoException) =>
        reject(new UsageError(`the sandbox cannot listen on ${host}:${port} (${error.code}): choose another port`));
      this.#server.once('error', onError).listen(port, host, () => {
        this.#server.off('error', onError);
        this.#address = this.#server.address() as AddressInfo;
        resolve();
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return;
    this.#closing.abort();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://sandbox');
    if (url.pathname.startsWith('/sandbox/')) {
      return answerControl(url.pathname, request, response, this);
    }
    const file = exportFileOf(url.pathname);
    if (file) return this.#serveExport(request, url, response, file);
    const arrivedAtMs = this.#clock.monotonic();
    const waitMs = this.#limiter?.arrive(arrivedAtMs) ?? 0;
    this.#stats.arrived(arrivedAtMs);
    const { answer, injected } = this.#decide(request, url, waitMs);
    if (injected.effect || injected.delayMs > 0) this.#stats.faulted();
    const transfer = transferOf(injected.effect);
    const status = statusOf(answer, transfer);
    this.#stats.answered(status);
    this.#report(request, url, { arrivedAtMs, status, fault: injected.effect });
    const holdMs = injected.delayMs + this.#latencyMs();
    if (holdMs > 0) await this.#clock.sleep(holdMs, this.#closing.signal);
    await send(request, response, answer, transfer, this.#closing.signal);
  }

  /** As at TMDb, the export has another host: no limit counts its requests, and it needs no credentials. */
  async #serveExport(request: IncomingMessage, url: URL, response: ServerResponse, file: ExportFile): Promise<void> {
    const isThere = isExported(file, this.#clock.now());
    const fate = { arrivedAtMs: this.#clock.monotonic(), status: isThere ? 200 : 403, fault: null };
    this.#report(request, url, fate);
    if (isThere) await sendExport(response, file, this.#catalogue, this.#states);
    else response.writeHead(403, { 'content-type': 'application/xml' }).end('<Error><Code>AccessDenied</Code></Error>');
  }

  /** First the limit, then the credentials; faults apply only to requests that would be served. */
  #decide(
    request: IncomingMessage,
    url: URL,
    waitMs: number,
  ): { readonly answer: Answer; readonly injected: InjectedFault } {
    const unharmed: InjectedFault = { delayMs: 0, effect: null };
    if (waitMs > 0) {
      const retryAfter = String(Math.ceil(waitMs / 1_000));
      return { answer: errorAnswer(25, { 'retry-after': retryAfter }), injected: unharmed };
    }
    if (!this.#isAccepted(request, url)) return { answer: errorAnswer(7), injected: unharmed };
    if (request.method !== 'GET') return { answer: errorAnswer(42), injected: unharmed };
    if (!url.pathname.startsWith('/3/')) return { answer: errorAnswer(34), injected: unharmed };
    const path = url.pathname.slice(2);
    const injected = this.#faults.inject(path);
    return { answer: faultyAnswer(this.#routes.answer(path, url.searchParams), injected.effect), injected };
  }

  #isAccepted(request: IncomingMessage, url: URL): boolean {
    const bearer = /^Bearer\s+(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    const given = bearer ?? url.searchParams.get('api_key') ?? '';
    return given !== '' && (this.#options.token === undefined || given === this.#options.token);
  }

  #latencyMs(): number {
    const [least, most] = this.#options.latencyMs ?? [0, 0];
    return most > 0 ? least + this.#latencies.next() * (most - least) : 0;
  }

  #report(request: IncomingMessage, url: URL, fate: Pick<SandboxRequest, 'arrivedAtMs' | 'status' | 'fault'>): void {
    const { onRequest } = this.#options;
    if (!onRequest) return;
    const hasApiKey = url.searchParams.has('api_key');
    url.searchParams.delete('api_key');
    onRequest({
      ...fate,
      method: request.method ?? 'GET',
      path: url.pathname + url.search,
      hasAuthorization: request.headers.authorization !== undefined,
      hasApiKey,
    });
  }
}
