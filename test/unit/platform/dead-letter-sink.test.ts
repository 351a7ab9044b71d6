import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { deadLetterOf } from '../../../consumers/dead-letter.ts';
import { loadConfig } from '../../../platform/config.ts';
import { deadLetterSink } from '../../../platform/dead-letter-sink.ts';
import { maxAnswerAgeMs } from '../../../platform/open-kafka.ts';
import type { DeadLetter } from '../../../schemas/records.ts';
import { MemorySink } from '../../support/kafka/memory-sink.ts';
import { topics } from '../../support/kafka/topics.ts';

const dayMs = 86_400_000;
const now = Date.UTC(2026, 6, 1);
const failure = { reason: 'undecodable_record', message: 'no', attempts: 1 } as const;
const value = Buffer.from('{"title": "of an old answer"');

async function written(topic: string, ageMs: number, change: Partial<DeadLetter> = {}): Promise<DeadLetter> {
  const sink = new MemorySink<DeadLetter>();
  const rules = { secrets: [], topics, maxAnswerAgeMs: maxAnswerAgeMs(loadConfig({})) };
  const record = { topic, partition: 0, offset: 1n, timestamp: now - ageMs, key: Buffer.from('1'), value };
  const letter = deadLetterOf(record, failure, new Date(now));
  await deadLetterSink(sink, rules).publish([{ ...letter, value: { ...letter.value, ...change } }]);
  const [first] = sink.values;
  if (!first) throw new Error('nothing was written');
  return first;
}

it('[R151] a letter has the document of an answer until it is 29 days old: it is never older than 180 days in Kafka', async () => {
  for (const { name } of [topics.rawMovies, topics.rawGenres]) {
    expect((await written(name, 29 * dayMs)).originValue).toEqual(value);
    expect(await written(name, 29 * dayMs + 1)).toMatchObject({
      originValue: Buffer.alloc(0),
      originValueBytes: value.length,
      originValueSha256: createHash('sha256').update(value).digest(),
    });
  }
});

it('[R151] a letter without an old document has the size and hash of the whole one, if it had only its beginning', async () => {
  const whole = { originValueBytes: 9_000_000, originValueSha256: Buffer.alloc(32, 7) };
  expect(await written(topics.rawMovies.name, 30 * dayMs, whole)).toMatchObject({
    originValue: Buffer.alloc(0),
    ...whole,
  });
});

it('a letter has an id, however old it is, and a tombstone stays one', async () => {
  expect((await written(topics.movieIds.name, 100 * dayMs)).originValue).toEqual(value);
  const none = { originValue: null, originValueBytes: null };
  expect(await written(topics.rawMovies.name, 100 * dayMs, none)).toMatchObject(none);
});
