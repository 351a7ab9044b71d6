import type { Mutant } from '../mutant.ts';

const partitionSource = 'kafka/partition-source.ts';
/** Runs only the test that must detect the mutant: a broker is slow, and an unrelated failure would count as a kill. */
const positions = (only: string) => ({
  files: ['test/integration/kafka/partition-source.test.ts'],
  only,
  timeoutMs: 20_000,
});

const batches = 'kafka/batches';
const decoding = (only: string) => ({ files: ['test/unit/kafka/record-batch.test.ts'], only, timeoutMs: 20_000 });
const inflating = (only: string) => ({ files: ['test/unit/kafka/decompress.test.ts'], only, timeoutMs: 20_000 });

/** A source begins at the position of the ledger and stops at a gap. Only tests with a broker include the behavior of kafkajs. */
export const kafkaMutants: readonly Mutant[] = [
  {
    name: 'source: it begins at what Kafka was told',
    file: partitionSource,
    find: 'next ?? (await this.#handler.position(topic, partition, topicId))',
    replace: 'next ?? (await admin.committedOffsets(this.#settings.group, topic)).get(partition) ?? null',
    tests: positions('begins where the ledger is, whatever the group has committed'),
  },
  {
    name: 'source: it passes records that are gone',
    file: partitionSource,
    find: 'if (!this.#isAccepted(topic, partition, gap)) throw lostBeginning(topic, partition, gap);',
    replace: '',
    tests: positions('stops the source when records were deleted that the ledger does not have'),
  },
  {
    name: 'source: it continues at an end that Kafka has lost',
    file: partitionSource,
    find: 'if (assigned.next > end) throw lostEnd(topic, partition, assigned.next, end);',
    replace: '',
    tests: positions('at the end of the topic stops the source'),
  },
  {
    name: 'source: it takes what kafkajs fetched elsewhere than it was asked to',
    file: partitionSource,
    find: 'if (batch.fetchedOffset !== assigned.next) return this.#position(batch.topic, [assigned]);',
    replace: '',
    tests: positions('stops a running source when records are deleted before it read them'),
  },
  {
    name: 'source: a topic that was created again counts as the old one',
    file: partitionSource,
    find: 'const topicId = await admin.topicId(topic);\n    for (const assigned of partitions)',
    replace: "const topicId = (await admin.topicId(topic), 'the same');\n    for (const assigned of partitions)",
    tests: positions('is read from its first record, though its end is beyond the old position'),
  },
  {
    name: 'source: a record is done before it was handled',
    file: 'kafka/record-source.ts',
    find: 'await this.#handle(entry.record);',
    replace: 'void this.#handle(entry.record).catch(() => {});',
    tests: {
      files: ['test/integration/kafka/record-source.test.ts'],
      only: 'hands out again what failed',
      timeoutMs: 20_000,
    },
  },
  {
    name: 'batches: decompression has no limit',
    file: `${batches}/decompress.ts`,
    find: 'await decompress(bytes, { maxOutputLength: limit })',
    replace: 'await decompress(bytes, { maxOutputLength: 100 * limit })',
    tests: decoding('gzip of 40 MB of zeros'),
  },
  {
    name: 'batches: a reference of LZ4 or Snappy may write any number of bytes',
    file: `${batches}/bounded-output.ts`,
    find: 'if (needed > this.#limit)',
    replace: 'if (needed > 10 * this.#limit)',
    tests: inflating('stops at the limit'),
  },
  {
    name: 'batches: a key of any length is handed out',
    file: `${batches}/record.ts`,
    find: 'keyBytes > maxKeyBytes ?',
    replace: 'keyBytes > 100 * maxKeyBytes ?',
    tests: decoding('a key of 200 KB beyond the limit is parked alone'),
  },
  {
    name: 'batches: an unreadable batch covers its first offset alone',
    file: `${batches}/record-batch.ts`,
    find: 'offset: String(isKnown ? lastOffsetOf(header) : firstOffset)',
    replace: 'offset: String(firstOffset)',
    tests: decoding('is one letter for all its offsets'),
  },
  {
    name: 'batches: what a person wants skipped is decoded',
    file: `${batches}/record-batch.ts`,
    find: 'if (isSkipped(batch, header, skips)) throw new UnreadableBatchError(skipped);',
    replace: '',
    tests: decoding('is one record, which keeps its content'),
  },
  {
    name: 'dead letters: one that is too large for its topic ends the consumer',
    file: 'consumers/dead-letter.ts',
    find: 'if (!(error instanceof RecordTooLargeError)) throw error;',
    replace: 'if (error) throw error;',
    tests: { files: ['test/unit/consumers/dead-letter.test.ts'], only: 'is cut, and keeps size and hash' },
  },
  {
    name: 'batches: the fetcher takes a batch that cannot be read for a tombstone',
    file: 'consumers/movie-details.ts',
    find: 'if (record.unusable) return park(',
    replace: 'if (record.unusable && record.value) return park(',
    tests: { files: ['test/unit/consumers/movie-details.test.ts'], only: 'parks an unusable record' },
  },
  {
    name: 'batches: one answer is decoded however much it holds',
    file: `${batches}/fetch-response.ts`,
    find: 'bytes < maxFetch.bytes && ',
    replace: '',
    tests: decoding('an answer is delivered in parts'),
  },
  {
    name: 'source: it passes what compaction took',
    file: partitionSource,
    find: '    this.#refuseHoles(batch);\n',
    replace: '',
    tests: positions('are a gap: the source stops, and continues when a person accepts a wider range'),
  },
  {
    name: 'source: the end of a compacted batch is taken for a record',
    file: 'kafka/fetched-offsets.ts',
    find: 'if (!isAbsent) pass(',
    replace: 'pass(',
    tests: { files: ['test/unit/kafka/fetched-offsets.test.ts'] },
  },
  {
    name: 'topics: a raw topic that is compacted as well is let through',
    file: 'kafka/topic-preconditions.ts',
    find: "actual.includes('compact')",
    replace: "actual === 'compact'",
    tests: { files: ['test/unit/kafka/topic-preconditions.test.ts'] },
  },
  {
    name: 'topics: a retention that is too short is only warned of',
    file: 'kafka/topic-preconditions.ts',
    find: 'const isShort = ms !== noLimit &&',
    replace: 'const isShort = ms === 1 &&',
    tests: { files: ['test/unit/kafka/topic-preconditions.test.ts'] },
  },
  {
    name: 'topics: a shorter retention is applied, which deletes records',
    file: 'kafka/topic-preconditions.ts',
    find: 'Number(actual) !== noLimit && Number(actual) < rawRetentionMs',
    replace: 'Number(actual) !== rawRetentionMs',
    tests: { files: ['test/unit/kafka/topic-preconditions.test.ts'] },
  },
];
