import type { ConsumerRecord, PartitionHandler, PartitionSource } from '../../kafka/topic.ts';
import { systemClock } from '../../runtime/clock.ts';
import { rawMovieCodec } from '../../schemas/codecs.ts';
import { topics } from '../../test/support/kafka/topics.ts';
import { SnowflakeEmulator } from '../../test/support/snowflake/emulator.ts';
import { makeDatabase } from '../../test/support/snowflake/fixture.ts';
import { openSnowflakeSession, type SnowflakeSession } from '../../warehouse/snowflake/session.ts';
import { openSnowflakeWarehouse } from '../../warehouse/snowflake/warehouse.ts';
import type { Batch, PartitionId, Warehouse } from '../../warehouse/warehouse.ts';
import { rawMovies } from './movies.ts';

/** The emulator with an empty BRONZE. */
export interface SnowflakeBench extends AsyncDisposable {
  readonly session: SnowflakeSession;
  /** @param copyFrom from this number of rows of a batch on, they go through a file. */
  openLoader(copyFrom: number): Promise<Warehouse>;
}

export async function openSnowflakeBench(): Promise<SnowflakeBench> {
  const resources = new AsyncDisposableStack();
  const emulator = resources.use(await SnowflakeEmulator.start());
  const settings = emulator.settings({ database: 'BENCH', timeoutMs: 120_000 });
  const options = { settings, clock: systemClock, stage: 'bench' };
  await makeDatabase(settings);
  const session = resources.use(await openSnowflakeSession(options));
  const openLoader = async (copyFrom: number) => {
    const warehouse = resources.use(await openSnowflakeWarehouse({ ...options, copyFrom }));
    await warehouse.migrate();
    return warehouse;
  };
  return { session, openLoader, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

/** Consecutive batches of a partition, each with other movies. */
export class MovieBatches {
  readonly #partition: PartitionId;
  readonly #movies: ReturnType<typeof rawMovies>;
  #next = 0n;

  /** @param movies the total number. */
  constructor(partition: number, movies: number) {
    this.#partition = { clusterId: 'bench', topic: topics.rawMovies.name, topicId: 'bench', partition };
    this.#movies = rawMovies(movies);
  }

  take(count: number): Batch & { readonly table: 'raw_movies' } {
    const firstOffset = this.#next;
    this.#next += BigInt(count);
    const rows = nextOf(this.#movies, count).map((movie, index) => ({
      ...movie,
      kafkaOffset: firstOffset + BigInt(index),
    }));
    return { table: 'raw_movies', partition: this.#partition, firstOffset, nextOffset: this.#next, rows };
  }
}

/** Delivers a partition's movies in chunks of these sizes, cyclically; each chunk becomes one flush. */
export function movieChunks(movies: number, sizes: readonly number[]): PartitionSource {
  const hand = async (handler: PartitionHandler, records: readonly ConsumerRecord[]) => {
    const next = (records.at(-1)?.offset ?? 0n) + 1n;
    await handler.records({ topic: topics.rawMovies.name, partition: 0, records, next });
    return records.length;
  };
  return {
    run: async (handler, { signal }) => {
      await handler.position(topics.rawMovies.name, 0, 'bench');
      const all = recordsOf(movies);
      for (let round = 0; !signal.aborted; round += 1) {
        if ((await hand(handler, nextOf(all, sizes[round % sizes.length] ?? 1))) === 0) return;
      }
    },
    commit: async () => {},
  };
}

/** The iterator's own `take` would end it. */
function nextOf<T>(all: Iterator<T>, count: number): T[] {
  const taken: T[] = [];
  while (taken.length < count) {
    const { value, done } = all.next();
    if (done) break;
    taken.push(value);
  }
  return taken;
}

function* recordsOf(movies: number): Generator<ConsumerRecord> {
  let offset = 0n;
  for (const movie of rawMovies(movies)) {
    const value = rawMovieCodec.encode(movie);
    yield {
      topic: topics.rawMovies.name,
      partition: 0,
      offset,
      timestamp: 0,
      key: Buffer.from(String(movie.movieId)),
      value,
    };
    offset += 1n;
  }
}
