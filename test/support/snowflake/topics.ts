import type { ConsumerRecord, Offsets, PartitionHandler, PartitionSource } from '../../../kafka/topic.ts';
import { rawGenresCodec, rawMovieCodec } from '../../../schemas/codecs.ts';
import { keyOf } from '../kafka/key-of.ts';
import { memoryTopicId } from '../kafka/memory-partition-source.ts';
import { topics } from '../kafka/topics.ts';

const partitions: readonly (readonly [string, number])[] = [
  [topics.rawMovies.name, 0],
  [topics.rawMovies.name, 1],
  [topics.rawGenres.name, 0],
];

const fetchedAt = new Date(Date.UTC(2026, 0, 1));

/** Every n-th record is unreadable. */
const unreadableEvery = 29n;

export const isReadable = (offset: bigint): boolean => offset % unreadableEvery !== unreadableEvery - 1n;

const movieIdOf = (offset: bigint): number => Number(offset) + 1;

/** The record at an offset, which is always the same. */
export const documentOf = (topic: string, partition: number, offset: bigint, padding = '') => ({
  id: movieIdOf(offset),
  where: `${topic}/${partition}`,
  title: `"Amélie" \\ 'Ran 乱' 🎬\n${offset}`,
  vote: Number(offset) / 4,
  genres: [{ id: Number(offset % 7n) }, null, []],
  ...(padding !== '' && { padding }),
});

interface TopicsOptions {
  /** The largest number of records delivered at once. */
  readonly chunkSize: number;
  /** Extra bytes in each document. @default 0 */
  readonly padding?: number;
  /** Whether a partition is revoked before its next records and assigned again. @default never */
  readonly isRebalanced?: () => boolean;
}

/** Topics in memory, endless until `end` is called. Each source delivers all of them, independently of other sources. */
export class EndlessTopics {
  /** The end offsets of the partitions, after a call of `end`. */
  readonly ends: Promise<ReadonlyMap<string, Offsets>>;
  /** The total number of delivered records, including repeated ones. */
  deliveredRecords = 0;
  rebalances = 0;
  readonly #options: TopicsOptions;
  readonly #resolveEnds: (ends: ReadonlyMap<string, Offsets>) => void;
  readonly #next = new Map<string, bigint>();
  #isEnded = false;

  constructor(options: TopicsOptions) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<ReadonlyMap<string, Offsets>>();
    this.ends = promise;
    this.#resolveEnds = resolve;
  }

  /** Ends the topics after the delivered records, or after this number of records in each partition. */
  end(records = 0): void {
    this.#isEnded = true;
    const ends = new Map<string, Map<number, bigint>>();
    for (const [topic, partition] of partitions) {
      const key = `${topic}/${partition}`;
      const end = BigInt(Math.max(records, Number(this.#next.get(key) ?? 0n)));
      this.#next.set(key, end);
      ends.set(topic, (ends.get(topic) ?? new Map()).set(partition, end));
    }
    this.#resolveEnds(ends);
  }

  source(): PartitionSource {
    return {
      run: async (handler, { signal }) => {
        const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        await Promise.all(
          partitions.map(([topic, partition]) => this.#handOut(handler, { topic, partition, signal, aborted })),
        );
      },
      commit: async () => {},
    };
  }

  async #handOut(handler: PartitionHandler, { topic, partition, signal, aborted }: Handing): Promise<void> {
    const key = `${topic}/${partition}`;
    const { isRebalanced = () => false } = this.#options;
    let next: bigint | undefined;
    while (!signal.aborted) {
      if (next !== undefined && isRebalanced()) {
        this.rebalances += 1;
        handler.revoked(topic, partition);
        next = undefined;
      }
      next ??= (await handler.position(topic, partition, memoryTopicId)) ?? 0n;
      const end: bigint = next + BigInt(this.#options.chunkSize);
      const known = this.#next.get(key) ?? 0n;
      const until: bigint = this.#isEnded && end > known ? known : end;
      if (until <= next) {
        await aborted;
        return;
      }
      if (until > known) this.#next.set(key, until);
      const records = this.#read(topic, partition, next, until);
      this.deliveredRecords += records.length;
      next = until;
      await handler.records({ topic, partition, records, next });
    }
  }

  #read(topic: string, partition: number, from: bigint, until: bigint): ConsumerRecord[] {
    const padding = 'x'.repeat(this.#options.padding ?? 0);
    return Array.from({ length: Number(until - from) }, (_, index) => {
      const offset = from + BigInt(index);
      const body = Buffer.from(JSON.stringify(documentOf(topic, partition, offset, padding)));
      const value = encoded(topic, offset, body);
      return { topic, partition, offset, timestamp: 0, key: keyOf(topic, value), value };
    });
  }
}

interface Handing {
  readonly topic: string;
  readonly partition: number;
  readonly signal: AbortSignal;
  readonly aborted: Promise<void>;
}

function encoded(topic: string, offset: bigint, body: Buffer): Buffer {
  if (!isReadable(offset)) return Buffer.from('x');
  const sourceUrl = 'https://api.themoviedb.org/3/';
  return topic === topics.rawGenres.name
    ? rawGenresCodec.encode({ language: 'en', sourceUrl, fetchedAt, body })
    : rawMovieCodec.encode({ movieId: movieIdOf(offset), sourceUrl, httpStatus: 200, fetchedAt, body });
}
