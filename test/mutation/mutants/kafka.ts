import { detach, remove, swap } from '../change.ts';
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
    name: 'source: it begins at the offset committed to Kafka',
    file: partitionSource,
    place: 'source.ledger-position',
    change: swap(/await .*;/, '(await admin.committedOffsets(this.#settings.group, topic)).get(partition) ?? null;'),
    tests: positions('begins at the position of the ledger, regardless of the commits of the group'),
  },
  {
    name: 'source: it skips deleted records',
    file: partitionSource,
    place: 'source.deleted-records',
    change: remove,
    tests: positions('stops the source when records were deleted that the ledger does not have'),
  },
  {
    name: 'source: it continues beyond the end of a topic that lost records',
    file: partitionSource,
    place: 'source.lost-end',
    change: remove,
    tests: positions('at the end of the topic stops the source'),
  },
  {
    name: 'source: it accepts records that kafkajs fetched at another offset than requested',
    file: partitionSource,
    place: 'source.fetched-elsewhere',
    change: remove,
    tests: positions('stops a running source when records are deleted before it read them'),
  },
  {
    name: 'source: a topic that was created again counts as the old one',
    file: partitionSource,
    place: 'source.topic-id',
    change: swap(/await (.*);/, "(await $1, 'the same');"),
    tests: positions('is read from its first record, even if its end is beyond the old position'),
  },
  {
    name: 'source: a record is done before it was handled',
    file: 'kafka/record-source.ts',
    place: 'source.handled-first',
    change: detach,
    tests: {
      files: ['test/integration/kafka/record-source.test.ts'],
      only: 'delivers failed records again',
      timeoutMs: 20_000,
    },
  },
  {
    name: 'batches: decompression has no limit',
    file: `${batches}/decompress.ts`,
    place: 'batches.decompressed-limit',
    change: swap('limit }', '100 * limit }'),
    tests: decoding('gzip of 40 MB of zeros'),
  },
  {
    name: 'batches: a reference of LZ4 or Snappy may write any number of bytes',
    file: `${batches}/bounded-output.ts`,
    place: 'batches.output-limit',
    change: swap('this.#limit)', '10 * this.#limit)'),
    tests: inflating('stops at the limit'),
  },
  {
    name: 'batches: a key of any length is delivered',
    file: `${batches}/record.ts`,
    place: 'batches.key-limit',
    change: swap('> maxKeyBytes ?', '> 100 * maxKeyBytes ?'),
    tests: decoding('a key of 200 KB beyond the limit is parked alone'),
  },
  {
    name: 'batches: an unreadable batch covers its first offset alone',
    file: `${batches}/record-batch.ts`,
    place: 'batches.unreadable-range',
    change: swap(/isKnown \? .* : /, ''),
    tests: decoding('is one letter for all its offsets'),
  },
  {
    name: 'batches: a record that a person skips is decoded',
    file: `${batches}/record-batch.ts`,
    place: 'batches.skipped',
    change: remove,
    tests: decoding('is one record, which keeps its content'),
  },
  {
    name: 'dead letters: one that is too large for its topic ends the consumer',
    file: 'consumers/dead-letter.ts',
    place: 'dead-letters.too-large',
    change: swap(/!\(.*\)\)/, 'error)'),
    tests: { files: ['test/unit/consumers/dead-letter.test.ts'], only: 'is cut, and keeps size and hash' },
  },
  {
    name: 'batches: the fetcher treats an unreadable batch as a tombstone',
    file: 'consumers/fetcher.ts',
    place: 'batches.unusable-record',
    change: swap('if (record.unusable)', 'if (record.unusable && record.value)'),
    tests: { files: ['test/unit/consumers/fetcher.test.ts'], only: 'parks an unusable record' },
  },
  {
    name: 'batches: one fetch response is decoded without a limit',
    file: `${batches}/fetch-response.ts`,
    place: 'batches.answer-limit',
    change: swap(/bytes < .*? && /, ''),
    tests: decoding('an answer is delivered in parts'),
  },
  {
    name: 'source: it skips records that compaction removed',
    file: partitionSource,
    place: 'source.compacted',
    change: remove,
    tests: positions('are a gap: the source stops, and continues when a person accepts a wider range'),
  },
  {
    name: 'source: the end of a compacted batch counts as a record',
    file: 'kafka/fetched-offsets.ts',
    place: 'source.absent-offset',
    change: swap(/if \(.*?\) /, ''),
    tests: { files: ['test/unit/kafka/fetched-offsets.test.ts'] },
  },
  {
    name: 'topics: a raw topic that is also compacted is accepted',
    file: 'kafka/topic-preconditions.ts',
    place: 'topics.compacted-as-well',
    change: swap("actual.includes('compact')", "actual === 'compact'"),
    tests: { files: ['test/unit/kafka/topic-preconditions.test.ts'] },
  },
  {
    name: 'topics: a retention that is too short only causes a warning',
    file: 'kafka/topic-preconditions.ts',
    place: 'topics.short-retention',
    change: swap(/ms !== noLimit/, 'ms === 1'),
    tests: { files: ['test/unit/kafka/topic-preconditions.test.ts'] },
  },
  {
    name: 'dead letters: old answers are kept as long as new ones',
    file: 'platform/dead-letter-sink.ts',
    place: 'dead-letters.old-answer',
    change: swap('ageMs <= maxAnswerAgeMs', 'ageMs > 0'),
    tests: { files: ['test/unit/platform/dead-letter-sink.test.ts'] },
  },
  {
    name: 'topics: segments of a week keep answers for too long',
    file: 'kafka/topic-preconditions.ts',
    place: 'topics.long-segments',
    change: swap('> segmentMs', '> 7 * segmentMs'),
    tests: { files: ['test/unit/kafka/topic-preconditions.test.ts'] },
  },
  {
    name: 'topics: a shorter retention is applied, which deletes records',
    file: 'kafka/topic-preconditions.ts',
    place: 'topics.longer-retention',
    change: swap(/Number\(actual\) !== noLimit && .*/, 'Number(actual) !== rawRetentionMs'),
    tests: { files: ['test/unit/kafka/topic-preconditions.test.ts'] },
  },
];
