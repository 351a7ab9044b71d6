import type { ConsumerRecord, PartitionRecords } from '../../../kafka/topic.ts';
import { rawGenresCodec, rawMovieCodec } from '../../../schemas/codecs.ts';
import { keyOf } from '../kafka/key-of.ts';
import { topics } from '../kafka/topics.ts';

/**
 * `foreign` has the key of another record, `future` a time that has not come; `torn` can be decoded, but no warehouse takes
 * it; `hole` is an offset without a record, as compaction leaves.
 */
export type Content = 'good' | 'undecodable' | 'foreign' | 'future' | 'null' | 'torn' | 'hole';

export type Partition = readonly [string, number];

const now = new Date(Date.UTC(2026, 0, 1));
const inTenYears = new Date(Date.UTC(2036, 0, 1));
const sourceUrl = 'https://api.themoviedb.org/3/';

/** Bodies are views of these buffers, which are created once because a model runs many thousand times. */
const encoded = new Map(
  [topics.rawMovies.name, topics.rawGenres.name].map((topic): [string, Record<Content, Buffer | null>] => {
    const encode = (body: string, fetchedAt = now) =>
      topic === topics.rawMovies.name
        ? rawMovieCodec.encode({ movieId: 1, sourceUrl, httpStatus: 200, fetchedAt, body: Buffer.from(body) })
        : rawGenresCodec.encode({ language: 'en', sourceUrl, fetchedAt, body: Buffer.from(body) });
    return [
      topic,
      {
        good: encode('{"id":1}'),
        foreign: encode('{"id":1}'),
        future: encode('{"id":1}', inTenYears),
        torn: encode('{"id":'),
        undecodable: Buffer.from('x'),
        null: null,
        hole: null,
      },
    ];
  }),
);

const foreignKey = Buffer.from('2');

/** The contents of the topics. */
export class TopicLog {
  readonly partitions: readonly Partition[];
  readonly #contents = new Map<string, Content[]>();

  constructor(partitions: readonly Partition[]) {
    this.partitions = partitions;
    for (const [topic, partition] of partitions) this.#contents.set(`${topic}/${partition}`, []);
  }

  /** The content of each offset, from 0 on. */
  contents([topic, partition]: Partition): readonly Content[] {
    return this.#contents.get(`${topic}/${partition}`) ?? [];
  }

  append([topic, partition]: Partition, contents: readonly Content[]): void {
    this.#contents.get(`${topic}/${partition}`)?.push(...contents);
  }

  end(topic: string, partition: number): bigint {
    return BigInt(this.contents([topic, partition]).length);
  }

  /** The records among the `offsets` offsets from `from` on. */
  read(topic: string, partition: number, from: bigint, offsets: number): PartitionRecords {
    const chunk = this.contents([topic, partition]).slice(Number(from), Number(from) + offsets);
    const records = chunk.flatMap((content, index): ConsumerRecord[] => {
      if (content === 'hole') return [];
      const value = encoded.get(topic)?.[content] ?? null;
      return [
        {
          topic,
          partition,
          offset: from + BigInt(index),
          timestamp: 0,
          key: content === 'foreign' ? foreignKey : keyOf(topic, value),
          value,
        },
      ];
    });
    return { topic, partition, records, next: from + BigInt(chunk.length) };
  }
}
