import { createHash } from 'node:crypto';
import { runLoader } from '../../../consumers/loader.ts';
import { systemClock } from '../../../runtime/clock.ts';
import { createLogger } from '../../../runtime/logger.ts';
import { deadLetterCodec, rawMovieCodec } from '../../../schemas/codecs.ts';
import type { DeadLetter } from '../../../schemas/records.ts';
import { openDuckDbWarehouse } from '../../../warehouse/duckdb/warehouse.ts';
import { MemoryPartitionSource } from '../kafka/memory-partition-source.ts';
import { MemorySink } from '../kafka/memory-sink.ts';
import { topics } from '../kafka/topics.ts';
import { WarehouseFile } from './warehouse-file.ts';

/** The outcome of one offset: the hash of its row in BRONZE, or its dead letter; neither or both would be a mistake. */
export interface Outcome {
  readonly stored: string | undefined;
  readonly parked: DeadLetter | undefined;
}

export const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** The path of a document from its record to BRONZE: codec, loader and a DuckDB file, all of them real. */
export class ContentsChain implements AsyncDisposable {
  readonly file: WarehouseFile;
  readonly #source = new MemoryPartitionSource(1_000);
  readonly #deadLetters = new MemorySink<DeadLetter>();

  private constructor(file: WarehouseFile) {
    this.file = file;
  }

  static async create(): Promise<ContentsChain> {
    return new ContentsChain(await WarehouseFile.create());
  }

  /** Loads each body as the answer for a different movie: the movie's id is its offset plus one. @returns the first offset. */
  async load(bodies: readonly Buffer[]): Promise<number> {
    const first = Number(this.#source.end(topics.rawMovies.name, 0));
    const values = bodies.map((body, index) =>
      rawMovieCodec.encode({
        movieId: first + index + 1,
        sourceUrl: `https://api.themoviedb.org/3/movie/${first + index + 1}`,
        httpStatus: 200,
        fetchedAt: new Date(Date.UTC(2026, 0, 1)),
        body,
      }),
    );
    this.#source.append(topics.rawMovies.name, 0, values);
    const end = this.#source.end(topics.rawMovies.name, 0);
    // Closed again, so that other processes can read the file.
    await using warehouse = await openDuckDbWarehouse({ path: this.file.path, lockWaitMs: 10_000, clock: systemClock });
    await runLoader(
      {
        source: this.#source,
        warehouse,
        deadLetters: this.#deadLetters,
        clusterId: 'cluster',
        clock: systemClock,
        topics,
        random: Math.random,
        log: createLogger('silent', []),
      },
      {
        limits: { maxRows: 20_000, maxBytes: 64_000_000, maxAgeMs: 1_000 },
        signal: new AbortController().signal,
        until: Promise.resolve(new Map([[topics.rawMovies.name, new Map([[0, end]])]])),
      },
    );
    return first;
  }

  /** The outcomes of all offsets from `first` on. */
  async outcomes(first: number): Promise<Outcome[]> {
    const rows = await this.file.query(
      `select kafka_offset::integer as "offset", sha256(raw_data::varchar) as hash from bronze.raw_movies where kafka_offset >= ${first}`,
    );
    const stored = new Map(rows.map(({ offset, hash }) => [Number(offset), String(hash)]));
    // In the form in which a reader of the topic receives them.
    const parked = this.#deadLetters.values.map((letter) => deadLetterCodec.decode(deadLetterCodec.encode(letter)));
    const byOffset = new Map(parked.map((letter) => [Number(letter.originOffset), letter]));
    const count = Number(this.#source.end(topics.rawMovies.name, 0)) - first;
    return Array.from({ length: count }, (_, index) => ({
      stored: stored.get(first + index),
      parked: byOffset.get(first + index),
    }));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.file[Symbol.asyncDispose]();
  }
}
