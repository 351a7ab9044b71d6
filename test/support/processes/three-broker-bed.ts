import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { type Sandbox, startSandbox } from '../../../sandbox/server.ts';
import { type AuditReport, audit } from '../audit/audit.ts';
import { readTopics } from '../audit/topics.ts';
import { ThreeBrokers } from '../kafka/three-brokers.ts';
import { Workspace } from './cli.ts';
import { Fleet, until } from './fleet.ts';
import type { SupervisedService } from './supervised-service.ts';

/** Topics whose replicas must be in sync before the next broker may be lost. */
const allTopics = [
  ...['tmdb.movie-ids', 'tmdb.movie-ids-backfill', 'tmdb.raw-movies', 'tmdb.raw-genres'],
  ...['tmdb.producer-state', 'tmdb.dead-letters', '__consumer_offsets'],
];

/** A cluster of three brokers, a sandbox, and services that know all three. */
export class ThreeBrokerBed implements AsyncDisposable {
  readonly workspace: Workspace;
  readonly cluster: ThreeBrokers;
  readonly fleet: Fleet;
  readonly #sandbox: Sandbox;
  readonly #settings: Readonly<Record<string, string>>;
  readonly #requests: Map<number, number>;
  readonly #movies: number;

  private constructor(
    workspace: Workspace,
    cluster: ThreeBrokers,
    sandbox: Sandbox,
    requests: Map<number, number>,
    { movies, perSecond }: { readonly movies: number; readonly perSecond: number },
  ) {
    this.workspace = workspace;
    this.cluster = cluster;
    this.#sandbox = sandbox;
    this.#requests = requests;
    this.#movies = movies;
    this.#settings = {
      DATA_DIR: workspace.dataDir,
      KAFKA_BROKERS: cluster.addresses.join(),
      KAFKA_REPLICATION: '3',
      LOAD_MAX_AGE: '1s',
      TMDB_BASE_URL: sandbox.url,
      TMDB_TOKEN: 'any',
      TMDB_RATE_LIMIT: `${perSecond}/1s`,
    };
    this.fleet = new Fleet(this.#settings);
  }

  /** @param movies published as ids at once. @param perSecond the limit of requests. */
  static async open(movies: number, perSecond: number): Promise<ThreeBrokerBed> {
    const workspace = new Workspace();
    const requests = new Map<number, number>();
    const [cluster, sandbox] = await Promise.all([
      ThreeBrokers.start(join(workspace.dataDir, 'kafka')),
      startSandbox({
        movies,
        latencyMs: [20, 120],
        limit: { capacity: perSecond, windowMs: 1_000 },
        onRequest: ({ path }) => {
          const movieId = Number(/^\/3\/movie\/(\d+)$/.exec(path)?.[1] ?? 0);
          if (movieId > 0) requests.set(movieId, (requests.get(movieId) ?? 0) + 1);
        },
      }),
    ]);
    const bed = new ThreeBrokerBed(workspace, cluster, sandbox, requests, { movies, perSecond });
    await bed.run('produce', 'popular', '--pages', String(movies / 20));
    return bed;
  }

  /** Requests for movies so far. */
  get requests(): number {
    return [...this.#requests.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Requests that the sandbox refused because they exceeded the limit, and the most in any window. */
  get limit() {
    const { byStatus, maxInAnyWindow } = this.#sandbox.stats();
    return { refused: byStatus['429'] ?? 0, maxInAnyWindow };
  }

  get requestsPerId(): number {
    return this.requests / this.#requests.size;
  }

  /** Runs a command that must succeed. @throws Error with its output if it fails. */
  async run(...args: readonly string[]): Promise<void> {
    const { code, stderr } = await this.workspace.run(args, this.#settings);
    if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}\n${stderr}`);
  }

  /** Waits for this number of further requests. @returns milliseconds. */
  async untilFetched(requests: number, timeoutMs = 120_000): Promise<number> {
    const [before, started] = [this.requests, performance.now()];
    const check = () => this.fleet.expectAllRunning();
    const isDone = () => this.requests >= before + requests;
    await until(`${requests} requests more`, isDone, { timeoutMs, check, pollMs: 50 }).catch((error: Error) => {
      throw new Error([error.message, ...this.fleet.running.map((service) => service.tail())].join('\n'), {
        cause: error,
      });
    });
    return Math.round(performance.now() - started);
  }

  /** Waits until the group has another coordinator. @returns how long that took (ms). */
  async newCoordinator(group: string, lost: number): Promise<number> {
    const started = performance.now();
    const hasMoved = async () => ![lost, null].includes(await this.cluster.coordinatorOf(group).catch(() => null));
    await until('the group has another coordinator', hasMoved, { timeoutMs: 60_000, pollMs: 100 });
    return Math.round(performance.now() - started);
  }

  untilInSync(): Promise<void> {
    return this.cluster.untilInSync(allTopics, 120_000);
  }

  /** Waits until every id was answered and loaded once, and drains. @returns the result of the audit. */
  async allLoaded(posts: readonly SupervisedService[]): Promise<AuditReport> {
    const { addresses } = this.cluster;
    const look = () => {
      this.fleet.expectAllRunning();
      return audit(this.workspace, { brokers: addresses, onlyBronze: true });
    };
    const check = () => this.fleet.expectAllRunning();
    await until('every id was asked for', () => this.#requests.size >= this.#movies, { timeoutMs: 600_000, check });
    await vi.waitFor(look, { timeout: 180_000, interval: 1_000 });
    expect(await Promise.all(posts.map((post) => post.end()))).toEqual(posts.map(() => 0));
    return audit(this.workspace, { brokers: addresses, onlyBronze: true });
  }

  /** Records that the raw topics contain twice, byte for byte. */
  async doubles(): Promise<number> {
    const { raw } = await readTopics(join(this.workspace.dataDir, 'kafka'), this.cluster.addresses);
    return raw.length - new Set(raw.map(({ topic, hash }) => `${topic} ${hash}`)).size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fleet[Symbol.asyncDispose]();
    await this.cluster[Symbol.asyncDispose]();
    await this.#sandbox[Symbol.asyncDispose]();
    this.workspace[Symbol.dispose]();
  }
}
