import { isDeepStrictEqual } from 'node:util';
import { isProblem, type RawRow, toRawRow } from '../consumers/raw-row.ts';
import { type ConsumerRecord, recordKey } from '../kafka/topic.ts';
import { PreconditionError } from '../runtime/errors.ts';
import type { RawTopics } from '../schemas/topics.ts';
import { isStrictJson } from '../warehouse/document.ts';
import { isSameAnswer, type LoadedRow, type LoadedRows } from './loaded-rows.ts';
import { type OffsetRange, smallest } from './selection.ts';

/** Offsets whose rows are read at a time. */
const chunkLength = 20_000n;
/** One document in this many is compared; of all other records, everything else. */
const documentEvery = 100n;

/**
 * Compares the records of a mirrored partition with the rows of BRONZE, in the order of their offsets: each row has the same record at
 * its offset. A record without a row is no difference: it was parked, perhaps by rules that have changed.
 * @throws PreconditionError at the first difference.
 */
export class MirrorComparison {
  readonly #topics: RawTopics;
  readonly #topic: string;
  readonly #partition: number;
  readonly #end: bigint;
  readonly #rows: Pick<LoadedRows, keyof LoadedRows>;
  /** Rows from `#next` to `#chunkEnd` that no record has had yet, by offset. */
  #chunk = new Map<bigint, LoadedRow>();
  #chunkEnd: bigint;
  /** Records with an equal row. */
  compared = 0;
  /** Those of them whose documents were compared. */
  documents = 0;
  /** Records that are accepted today, and have no row. */
  withoutRow = 0;

  constructor(
    topics: RawTopics,
    { topic, partition }: { readonly topic: string; readonly partition: number },
    { from, end }: OffsetRange,
    rows: Pick<LoadedRows, keyof LoadedRows>,
  ) {
    this.#topics = topics;
    this.#topic = topic;
    this.#partition = partition;
    this.#end = end;
    this.#rows = rows;
    this.#chunkEnd = from;
  }

  /** Compares the next record. */
  async compare(record: ConsumerRecord): Promise<void> {
    const { offset } = record;
    if (offset >= this.#end) return;
    await this.#advanceTo(offset);
    const loaded = this.#chunk.get(offset);
    this.#chunk.delete(offset);
    // A record that today's rules refuse has a row only if an older version accepted it.
    const row = record.unusable ? null : toRawRow(this.#topics, record, Number.MAX_SAFE_INTEGER);
    if (row === null || isProblem(row)) return;
    if (!loaded) {
      if (isStrictJson(row.body)) this.withoutRow += 1;
      return;
    }
    if (!isSameAnswer(loaded, row)) throw await this.#difference(offset, row); // mutant: adoption.same-record
    if (offset % documentEvery === 0n) await this.#compareDocument(offset, row);
    this.compared += 1;
  }

  /** All records were compared: no row may be left. */
  async finish(): Promise<void> {
    await this.#advanceTo(this.#end);
  }

  async #advanceTo(offset: bigint): Promise<void> {
    while (offset >= this.#chunkEnd) {
      const [left] = this.#chunk.keys();
      if (left !== undefined) throw this.#different(left, 'BRONZE has a row for it, but the cluster has none'); // mutant: adoption.rows-left
      if (this.#chunkEnd >= this.#end) return;
      const from = this.#chunkEnd;
      this.#chunkEnd = smallest(from + chunkLength, this.#end);
      this.#chunk = await this.#rows.between(this.#partition, from, this.#chunkEnd);
    }
  }

  async #compareDocument(offset: bigint, { body }: RawRow): Promise<void> {
    const document = await this.#rows.document(this.#partition, offset);
    // An expired document is no longer there.
    if (document === null) return;
    if (!isDeepStrictEqual(JSON.parse(document), JSON.parse(body.toString()))) {
      throw this.#different(offset, 'BRONZE has another document');
    }
    this.documents += 1;
  }

  async #difference(offset: bigint, row: RawRow): Promise<PreconditionError> {
    const elsewhere = await this.#rows.offsetOf(this.#partition, row);
    if (elsewhere === null || elsewhere === offset) return this.#different(offset, 'BRONZE has another record');
    return this.#different(
      offset,
      `BRONZE has this record at offset ${elsewhere}. The mirror has moved the offsets. Mirror the topic with its offsets, or load the new ` +
        'cluster into a new warehouse',
    );
  }

  #different(offset: bigint, what: string): PreconditionError {
    const address = recordKey({ topic: this.#topic, partition: this.#partition, offset });
    return new PreconditionError(
      `the cluster does not have the same records: ${address}: ${what}. Nothing was changed`,
    );
  }
}
