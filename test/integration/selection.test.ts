import { afterAll, beforeAll, expect, it } from 'vitest';
import { createAdmin } from '../../kafka/admin.ts';
import type { KafkaAdmin } from '../../kafka/cluster-admin.ts';
import { readTopic } from '../../kafka/read-topic.ts';
import { isSelected, rangesOf, type Selection } from '../../replay/selection.ts';
import { createTopic, deleteRecords, testKafka, writeMessages } from '../support/kafka/broker.ts';

const kafka = testKafka();
const minute = 60_000;
const start = Date.now() - 600 * minute;
let admin: KafkaAdmin;
let topic: string;

/** Writes records with these timestamps, one in each request, because the broker indexes timestamps by request. */
async function writeAt(partition: number, minutes: readonly number[]): Promise<void> {
  for (const at of minutes) {
    const timestamp = String(start + at * minute);
    await writeMessages(kafka, topic, [{ key: String(at + 1), value: 'x', partition, timestamp }]);
  }
}

beforeAll(async () => {
  admin = createAdmin(kafka);
  topic = await createTopic(kafka, { partitions: 3 });
  await writeAt(0, [0, 100, 200, 300, 400]);
  // The third record arrived late.
  await writeAt(1, [0, 210, 190, 300, 400]);
  await deleteRecords(kafka, topic, '1', 0);
});
afterAll(() => admin[Symbol.asyncDispose]());

const at = (minutes: number) => start + minutes * minute;

it.each<[string, Selection, Record<number, [bigint, bigint]>]>([
  ['all remaining records', {}, { 0: [1n, 5n], 1: [0n, 5n] }],
  ['since a time', { since: at(200) }, { 0: [2n, 5n], 1: [1n, 5n] }],
  ['until a time, and an hour beyond it', { until: at(200) }, { 0: [1n, 3n], 1: [0n, 3n] }],
  ['a time in the future', { since: at(10_000) }, {}],
  ['from an offset', { fromOffsets: { partitions: new Map(), others: 4n } }, { 0: [4n, 5n], 1: [4n, 5n] }],
  ['an offset of one partition', { fromOffsets: { partitions: new Map([[1, 2n]]) } }, { 1: [2n, 5n] }],
  ['from a deleted offset', { fromOffsets: { partitions: new Map([[0, 0n]]) } }, { 0: [1n, 5n] }],
  [
    'a time and an offset',
    { since: at(200), fromOffsets: { partitions: new Map(), others: 3n } },
    { 0: [3n, 5n], 1: [3n, 5n] },
  ],
])('the ranges of a selection: %s', async (_, selection, expected) => {
  const ranges = await rangesOf(admin, topic, selection);
  expect(Object.fromEntries([...ranges].map(([partition, { from, end }]) => [partition, [from, end]]))).toEqual(
    expected,
  );
});

it('includes every record of a selection in its ranges, even those that arrived late', async () => {
  const selection = { since: at(150), until: at(205) };
  const ranges = await rangesOf(admin, topic, selection);
  const [meant, within]: [string[], string[]] = [[], []];
  await readTopic(kafka, topic, (record) => {
    const range = ranges.get(record.partition);
    if (!isSelected(selection, record)) return;
    meant.push(String(record.key));
    if (range && record.offset >= range.from && record.offset < range.end) within.push(String(record.key));
  });
  expect(meant.toSorted()).toEqual(['191', '201']);
  expect(within).toEqual(meant);
});
