import { runFetcher } from '../../../consumers/fetcher.ts';
import type { RecordSource } from '../../../kafka/topic.ts';
import { createLogger } from '../../../runtime/logger.ts';
import { Secret } from '../../../runtime/secret.ts';
import { movieIdCodec } from '../../../schemas/codecs.ts';
import type { DeadLetter, RawMovie } from '../../../schemas/records.ts';
import { createTmdbClient } from '../../../tmdb/retrying-client.ts';
import type { TmdbClient } from '../../../tmdb/tmdb-client.ts';
import { MemoryTokenBucket } from '../../../tmdb/token-bucket/memory.ts';
import type { RateLimit, TokenBucket } from '../../../tmdb/token-bucket/token-bucket.ts';
import { openTransport, type Transport, type TransportOptions } from '../../../tmdb/transport.ts';
import { type ManualClock, settle } from '../clock/manual-clock.ts';
import { consumerRecord } from '../kafka/memory-record-source.ts';
import { MemorySink } from '../kafka/memory-sink.ts';

export interface FetcherStageOptions extends Partial<TransportOptions> {
  readonly baseUrl: string;
  readonly clock: ManualClock;
  /** @default a new one */
  readonly bucket?: TokenBucket;
  /** The limit of its own bucket. @default 40 in 10 s */
  readonly limit?: RateLimit;
}

/** The token of the stage, for servers that check whether they receive it. */
export const canary = 'canary-in-place-of-a-token';

/**
 * The fetcher with its real client over real HTTP. The topics are in memory. The test controls the clock, so an hour's
 * outage takes no time. Network transfers take real time, and the clock waits for them.
 */
export class FetcherStage implements AsyncDisposable {
  readonly rawMovies = new MemorySink<RawMovie>();
  readonly deadLetters = new MemorySink<DeadLetter>();
  readonly tmdb: TmdbClient;
  readonly #clock: ManualClock;
  readonly #transport: Transport;

  constructor(options: FetcherStageOptions) {
    const { baseUrl, clock, bucket, limit = { capacity: 40, windowMs: 10_000 }, ...more } = options;
    const defaults = { token: new Secret(canary), apiKey: undefined, timeoutMs: 10_000, maxBodyBytes: 4_000_000 };
    this.#clock = clock;
    this.#transport = openTransport({ baseUrl, connections: 20, ...defaults, ...more });
    this.tmdb = createTmdbClient(
      {
        transport: waitedFor(this.#transport, clock),
        bucket: bucket ?? new MemoryTokenBucket(limit, clock),
        baseUrl,
        concurrency: 20,
        giveUpAfterMs: 600_000,
        windowMs: limit.windowMs,
        log: createLogger('silent', []),
      },
      { clock, random: Math.random },
    );
  }

  /** Processes all ids at once, as if a source delivered them. Resolves and rejects as the stage does. */
  run(ids: readonly number[], signal = new AbortController().signal): Promise<void> {
    const asked = { reason: 'popular' as const, page: 1, rank: 1, requestedAt: new Date(this.#clock.now()) };
    const records = ids.map((movieId, offset) => consumerRecord(offset, movieIdCodec.encode({ movieId, ...asked })));
    const movieIds: RecordSource = {
      run: async (handle) => {
        await Promise.all(records.map(handle));
      },
    };
    const { tmdb, rawMovies, deadLetters } = this;
    const ports = { movieIds, tmdb, rawMovies, deadLetters, clock: this.#clock };
    return runFetcher({ ...ports, log: createLogger('silent', []) }, { signal });
  }

  /** Advances the clock until `work` is settled. */
  async finish<T>(work: Promise<T>): Promise<T> {
    let hasEnded = false;
    const over = () => {
      hasEnded = true;
    };
    work.then(over, over);
    for (let steps = 0; !hasEnded && steps < 50_000; steps += 1) await this.#clock.advance(250);
    if (!hasEnded) throw new Error('not settled within three hours of simulated time');
    return work;
  }

  /** Ids in the raw topic, ascending. */
  get fetched(): number[] {
    return this.rawMovies.values.map(({ movieId }) => movieId).sort((a, b) => a - b);
  }

  /** Reasons in dead letters. */
  get parked(): string[] {
    return this.deadLetters.values.map(({ reason }) => reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transport[Symbol.asyncDispose]();
  }
}

/** The same transport, but `clock` does not advance while a request is under way. */
function waitedFor(transport: Transport, clock: ManualClock): Transport {
  const underWay = new Set<Promise<unknown>>();
  const settleOthers = clock.alsoSettle;
  clock.alsoSettle = async () => {
    await settleOthers();
    while (underWay.size > 0) {
      await Promise.allSettled(underWay);
      await settle();
      await settleOthers();
    }
  };
  return {
    get: async (path, onAnswered) => {
      const request = transport.get(path, onAnswered);
      underWay.add(request);
      try {
        return await request;
      } finally {
        underWay.delete(request);
      }
    },
    [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose](),
  };
}
