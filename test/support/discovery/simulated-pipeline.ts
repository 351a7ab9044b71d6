import { type Priority, RequestSlots } from '../../../consumers/request-slots.ts';
import { produceAged } from '../../../producers/aged.ts';
import { daysDue, produceChanges } from '../../../producers/changes.ts';
import { produceExport } from '../../../producers/export.ts';
import type { ExportedMovies } from '../../../producers/exported-movies.ts';
import { producePopular } from '../../../producers/popular.ts';
import type { Progress } from '../../../producers/producer-state.ts';
import { createLogger } from '../../../runtime/logger.ts';
import { MovieSet } from '../../../schemas/movie-set.ts';
import { MovieTimes } from '../../../schemas/movie-times.ts';
import type { MovieId, ProducerState, StatefulProducer } from '../../../schemas/records.ts';
import { MemoryTokenBucket } from '../../../tmdb/token-bucket/memory.ts';
import type { RateLimit } from '../../../tmdb/token-bucket/token-bucket.ts';
import type { ManualClock } from '../clock/manual-clock.ts';
import { MemorySink } from '../kafka/memory-sink.ts';
import type { SimulatedTmdb } from './simulated-tmdb.ts';

const latencyMs = 200;
const concurrency = 20;
const backfillEvery = 10;
const mostAged = 50_000;

export interface PipelineSettings {
  readonly rateLimit: RateLimit;
  readonly pages: number;
  readonly refreshAfterMs: number;
  readonly reaskAfterMs: number;
}

/** A movie that was asked for. Times are in ms since the epoch. */
export interface Request {
  readonly movieId: number;
  readonly reason: MovieId['reason'];
  readonly requestedAt: number;
  /** When the request was sent. */
  readonly askedAt: number;
  readonly isGone: boolean;
}

interface Queue {
  readonly ids: MovieId[];
  next: number;
  inFlight: number;
  readonly mostInFlight: number;
}

/**
 * The producers, their topics and one fetcher, on one clock. The producers read the lists at once, and the fetcher shares its slots and
 * tokens between both topics of ids.
 */
export class SimulatedPipeline {
  /** In the order in which they were sent. */
  readonly requests: Request[] = [];
  /** The newest export that was read to its end. */
  exported: ExportedMovies = { day: '', movies: new MovieSet() };
  /** Movie → its newest request. */
  readonly newest = new Map<number, Request>();
  readonly progress = new Map<StatefulProducer, Progress>();
  readonly #clock: ManualClock;
  readonly #tmdb: SimulatedTmdb;
  readonly #settings: PipelineSettings;
  readonly #bucket: MemoryTokenBucket;
  readonly #slots = new RequestSlots({ slots: concurrency, backfillEvery });
  readonly #queues: Readonly<Record<Priority, Queue>> = {
    first: { ids: [], next: 0, inFlight: 0, mostInFlight: concurrency },
    backfill: { ids: [], next: 0, inFlight: 0, mostInFlight: concurrency / 2 },
  };
  /** What is in each topic of ids. */
  readonly #known: Readonly<Record<Priority, MovieTimes>> = { first: new MovieTimes(), backfill: new MovieTimes() };
  readonly #signal = new AbortController().signal;
  isRunning = true;

  constructor(tmdb: SimulatedTmdb, clock: ManualClock, settings: PipelineSettings) {
    this.#tmdb = tmdb;
    this.#clock = clock;
    this.#settings = settings;
    this.#bucket = new MemoryTokenBucket(settings.rateLimit, clock);
  }

  get waiting(): Readonly<Record<Priority, number>> {
    const { first, backfill } = this.#queues;
    return { first: first.ids.length - first.next, backfill: backfill.ids.length - backfill.next };
  }

  /** `produce popular` */
  async popular(): Promise<void> {
    const { pages, refreshAfterMs } = this.#settings;
    const movieIds = new MemorySink<MovieId>();
    const known = this.#known.first;
    const ports = { tmdb: this.#tmdb.lists, movieIds, known, clock: this.#clock, log };
    await producePopular(ports, { pages, refreshAfterMs }, this.#signal);
    this.#publish('first', movieIds.values);
  }

  /** `produce changes` */
  async changes(): Promise<void> {
    const movieIds = new MemorySink<MovieId>();
    const state = new MemorySink<ProducerState>();
    const known = this.#known.first;
    const days = daysDue(this.progress.get('changes')?.day ?? null, this.#clock.now());
    const ports = { tmdb: this.#tmdb.lists, movieIds, state, known, clock: this.#clock, log };
    await produceChanges(ports, { days, withAdult: false }, this.#signal);
    this.#publish('first', movieIds.values);
    this.#save(state);
  }

  /** `produce export` */
  async readExport(): Promise<void> {
    const { reaskAfterMs } = this.#settings;
    const movieIds = new MemorySink<MovieId>();
    const state = new MemorySink<ProducerState>();
    const known = new MovieTimes();
    for (const topic of Object.values(this.#known)) for (const [id, at] of topic) known.add(id, at);
    await produceAged({ movieIds, known, clock: this.#clock }, { reaskAfterMs, most: mostAged }, this.#signal);
    const ports = { exports: this.#tmdb.exports, movieIds, state, known, clock: this.#clock };
    const progress = this.progress.get('export') ?? null;
    await produceExport(
      ports,
      { isAdult: false, progress, previous: this.exported, mostAbsent: mostAged },
      this.#signal,
    );
    this.#publish('backfill', movieIds.values);
    this.#save(state);
  }

  #save({ values }: MemorySink<ProducerState>): void {
    for (const state of values) {
      if (state.movieIds === null) this.progress.set(state.producer, state);
      else this.exported = { day: state.day, movies: MovieSet.decode(state.movieIds) };
    }
  }

  #publish(topic: Priority, ids: readonly MovieId[]): void {
    for (const id of ids) {
      this.#queues[topic].ids.push(id);
      this.#known[topic].add(id.movieId, id.requestedAt.getTime());
    }
    this.resume();
  }

  /** Starts as many requests as the fetcher may have begun. */
  resume(): void {
    for (const priority of ['first', 'backfill'] as const) {
      const queue = this.#queues[priority];
      while (this.isRunning && queue.inFlight < queue.mostInFlight && queue.next < queue.ids.length) {
        const id = queue.ids[queue.next] as MovieId;
        queue.next += 1;
        queue.inFlight += 1;
        void this.#slots
          .run(priority, () => this.#fetch(id), this.#signal)
          .then(() => {
            queue.inFlight -= 1;
            this.resume();
          });
      }
    }
  }

  async #fetch({ movieId, reason, requestedAt }: MovieId): Promise<void> {
    const token = await this.#bucket.acquire();
    const askedAt = this.#clock.now();
    const isGone = !this.#tmdb.exists(movieId);
    const request = { movieId, reason, requestedAt: requestedAt.getTime(), askedAt, isGone };
    this.requests.push(request);
    this.newest.set(movieId, request);
    await this.#clock.sleep(latencyMs);
    token.returned();
  }
}

const log = createLogger('silent', []);
