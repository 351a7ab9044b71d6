import { describe, expect, it, vi } from 'vitest';
import { createAdmin } from '../../../kafka/admin.ts';
import { createRecordSource } from '../../../kafka/record-source.ts';
import type { AwaitedPartition, ConsumerRecord, Offsets } from '../../../kafka/topic.ts';
import {
  createTopic,
  deleteRecords,
  makeTopic,
  numbers,
  silent,
  testKafka,
  uniqueName,
  withAdmin,
  write,
  writeMessages,
} from '../../support/kafka/broker.ts';

const kafka = testKafka();
const never = new AbortController().signal;

const sourceOf = (
  topic: string,
  group: string,
  settings: { concurrency?: number; maxBytesPerPartition?: number; mayBeFinished?: () => Promise<boolean> } = {},
) => createRecordSource({ kafka, topic, group, concurrency: 4, log: silent, ...settings });
const endOf = async (topic: string): Promise<Offsets> => {
  await using admin = createAdmin(kafka);
  return (await admin.topicOffsets(topic)).high;
};
const committed = async (group: string, topic: string): Promise<Offsets> => {
  await using admin = createAdmin(kafka);
  return await admin.committedOffsets(group, topic);
};
const isAheadCommitted = async (group: string, topic: string, offset: bigint): Promise<boolean> => {
  await using admin = createAdmin(kafka);
  return (await admin.commits(group, topic)).get(0)?.ahead.has(offset) ?? false;
};
/** Deletes the topic and creates it again, without records. */
const recreate = async (topic: string, partitions = 1): Promise<void> => {
  await withAdmin(kafka, async (admin) => {
    await admin.deleteTopics({ topics: [topic] });
    await vi.waitUntil(async () => !(await admin.listTopics()).includes(topic), { timeout: 20_000, interval: 50 });
  });
  await makeTopic(kafka, topic, { partitions });
};
const collect = () => {
  const records: ConsumerRecord[] = [];
  return { records, handle: async (record: ConsumerRecord) => void records.push(record) };
};
const valuesOf = (records: readonly ConsumerRecord[]) => records.map(({ value }) => String(value));

describe('a record source', () => {
  it('delivers every record once, and ends when all records below `until` are done and committed', async () => {
    const topic = await createTopic(kafka, { partitions: 3 });
    const group = uniqueName('group');
    await Promise.all([0, 1].map((partition) => write(kafka, topic, numbers(3_000, partition * 10_000), partition)));
    const { records, handle } = collect();
    await sourceOf(topic, group, { maxBytesPerPartition: 4_000 }).run(handle, {
      signal: never,
      until: await endOf(topic),
    });
    expect(valuesOf(records).toSorted()).toEqual([...numbers(3_000), ...numbers(3_000, 10_000)].toSorted());
    expect(await committed(group, topic)).toEqual(
      new Map([
        [0, 3_000n],
        [1, 3_000n],
      ]),
    );
  });

  it('resumes when it is run again, and ends at once if there is nothing to do', async () => {
    const topic = await createTopic(kafka);
    const group = uniqueName('group');
    await write(kafka, topic, ['a', 'b']);
    const source = sourceOf(topic, group);
    await source.run(async () => {}, { signal: never, until: await endOf(topic) });
    await source.run(() => expect.unreachable(), { signal: never, until: await endOf(topic) });
    await write(kafka, topic, ['c']);
    const { records, handle } = collect();
    await source.run(handle, { signal: never, until: await endOf(topic) });
    expect(valuesOf(records)).toEqual(['c']);
  });

  it('[R175] marks the records of a group without commits, also after a restart, and none that follow them', async () => {
    const topic = await createTopic(kafka);
    const group = uniqueName('group');
    await write(kafka, topic, numbers(6));
    const failing = sourceOf(topic, group, { concurrency: 1, mayBeFinished: async () => true }).run(
      async ({ offset }) => {
        if (offset === 4n) throw new RangeError('number 4');
      },
      { signal: never },
    );
    await expect(failing).rejects.toThrow(new RangeError('number 4'));
    await write(kafka, topic, numbers(2, 6));
    const { records, handle } = collect();
    await sourceOf(topic, group).run(handle, { signal: never, until: await endOf(topic) });
    expect(records.map(({ offset, mayBeFinished }) => [offset, mayBeFinished])).toEqual([
      [4n, true],
      [5n, true],
      [6n, undefined],
      [7n, undefined],
    ]);
  });

  it('does not deliver records that were written after `until` was determined', async () => {
    const topic = await createTopic(kafka);
    await write(kafka, topic, numbers(10));
    const { records, handle } = collect();
    await sourceOf(topic, uniqueName('group')).run(handle, { signal: never, until: new Map([[0, 5n]]) });
    expect(valuesOf(records)).toEqual(numbers(5));
  });

  it('delivers failed records again, and those in flight or never begun, but none that were done', async () => {
    const topic = await createTopic(kafka);
    const group = uniqueName('group');
    await write(kafka, topic, numbers(20));
    const seen: string[] = [];
    const failing = sourceOf(topic, group).run(
      async ({ value }) => {
        seen.push(String(value));
        if (String(value) !== '5') return;
        // Waits until all others are done: they are committed ahead of it.
        await vi.waitUntil(async () => seen.length === 20 && (await isAheadCommitted(group, topic, 19n)), {
          timeout: 60_000,
          interval: 100,
        });
        throw new RangeError('number 5');
      },
      { signal: never },
    );
    await expect(failing).rejects.toThrow(new RangeError('number 5'));
    expect(await committed(group, topic)).toEqual(new Map([[0, 5n]]));
    const { records, handle } = collect();
    await sourceOf(topic, group).run(handle, { signal: never, until: await endOf(topic) });
    expect(valuesOf(records)).toEqual(['5']);
  });

  it('continues with the other partitions, and stays a member, while a record takes longer than the session', async () => {
    const topic = await createTopic(kafka, { partitions: 2 });
    const group = uniqueName('group');
    await write(kafka, topic, ['slow'], 0);
    await write(kafka, topic, numbers(50), 1);
    const slow = Promise.withResolvers<void>();
    const seen: string[] = [];
    const started = performance.now();
    const running = createRecordSource({
      kafka,
      topic,
      group,
      concurrency: 2,
      log: silent,
      sessionTimeoutMs: 1_000,
    }).run(
      async ({ value }) => {
        seen.push(String(value));
        if (String(value) === 'slow') await slow.promise;
      },
      { signal: never, until: await endOf(topic) },
    );
    await vi.waitUntil(() => seen.length === 51, { timeout: 20_000 });
    // Longer than three sessions: without heartbeats, a new member would have received the record again.
    await vi.waitUntil(() => performance.now() - started > 4_000, { timeout: 20_000 });
    const { groups } = await withAdmin(kafka, (admin) => admin.describeGroups([group]));
    expect(groups[0]?.members).toHaveLength(1);
    slow.resolve();
    await running;
    expect(seen).toHaveLength(51);
  });

  it('stops reporting progress while a record hangs, and reports again when it continues', async () => {
    const topic = await createTopic(kafka);
    await write(kafka, topic, numbers(1));
    const [slow, stop] = [Promise.withResolvers<void>(), new AbortController()];
    let lastBeat = 0;
    const running = createRecordSource({
      ...{
        kafka,
        topic,
        group: uniqueName('group'),
        concurrency: 1,
        log: silent,
        sessionTimeoutMs: 1_000,
        stallMs: 500,
      },
      onAlive: () => {
        lastBeat = performance.now();
      },
    }).run(() => slow.promise, { signal: stop.signal });
    await vi.waitUntil(() => lastBeat > 0, { timeout: 20_000 });
    // For the time of many heartbeats: they continue, as the session does, but they are not reported.
    await vi.waitUntil(() => performance.now() - lastBeat > 1_500, { timeout: 20_000 });
    slow.resolve();
    await vi.waitUntil(() => performance.now() - lastBeat < 500, { timeout: 20_000 });
    stop.abort();
    await running;
  });

  it('stays alive while a record waits for an outage to end', async () => {
    const topic = await createTopic(kafka);
    await write(kafka, topic, numbers(1));
    const [slow, stop] = [Promise.withResolvers<void>(), new AbortController()];
    let isWaiting = false;
    let lastBeat = 0;
    const running = createRecordSource({
      ...{ kafka, topic, group: uniqueName('group'), concurrency: 1, log: silent, sessionTimeoutMs: 1_000 },
      stallMs: 500,
      isWaiting: () => isWaiting,
      onAlive: () => {
        lastBeat = performance.now();
      },
    }).run(() => slow.promise, { signal: stop.signal });
    await vi.waitUntil(() => lastBeat > 0, { timeout: 20_000 });
    await vi.waitUntil(() => performance.now() - lastBeat > 1_500, { timeout: 20_000 });
    isWaiting = true;
    await vi.waitUntil(() => performance.now() - lastBeat < 500, { timeout: 20_000 });
    slow.resolve();
    stop.abort();
    await running;
  });

  it('finishes and commits records in flight when it is stopped, and begins no new ones', async () => {
    const topic = await createTopic(kafka);
    const group = uniqueName('group');
    await write(kafka, topic, numbers(30));
    const stop = new AbortController();
    let finished = 0;
    let begun = 0;
    await sourceOf(topic, group, { concurrency: 3 }).run(
      async () => {
        begun += 1;
        if (begun === 3) stop.abort();
        await vi.waitUntil(() => stop.signal.aborted, { timeout: 20_000 });
        finished += 1;
      },
      { signal: stop.signal },
    );
    expect([begun, finished]).toEqual([3, 3]);
    expect(await committed(group, topic)).toEqual(new Map([[0, 3n]]));
  });

  it('repeats no work that was done while an earlier record was slow, whichever process resumes after a stop', async () => {
    const topic = await createTopic(kafka);
    const group = uniqueName('group');
    await write(kafka, topic, numbers(100));
    const stop = new AbortController();
    const done: string[] = [];
    const first = sourceOf(topic, group, { concurrency: 4 }).run(
      async ({ value }) => {
        if (String(value) === '0') {
          // The handler of the slow record gives up when it is told to stop.
          await new Promise((resolve) => stop.signal.addEventListener('abort', resolve));
          throw stop.signal.reason;
        }
        done.push(String(value));
        if (done.length === 60) stop.abort(new Error('stopped'));
      },
      { signal: stop.signal },
    );
    await first;
    expect(await committed(group, topic)).toEqual(new Map([[0, 0n]]));
    const { records, handle } = collect();
    await sourceOf(topic, group).run(handle, { signal: never, until: await endOf(topic) });
    expect(valuesOf(records).filter((value) => done.includes(value))).toEqual([]);
    expect([...valuesOf(records), ...done].map(Number).sort((a, b) => a - b)).toEqual(numbers(100).map(Number));
  });

  it('treats a record that gave up because of the stop as not done, and not as a failure', async () => {
    const topic = await createTopic(kafka);
    const group = uniqueName('group');
    await write(kafka, topic, numbers(2));
    const stop = new AbortController();
    const reason = new Error('stopped');
    await sourceOf(topic, group, { concurrency: 1 }).run(
      async ({ value }) => {
        if (String(value) === '0') return;
        stop.abort(reason);
        throw reason;
      },
      { signal: stop.signal },
    );
    expect(await committed(group, topic)).toEqual(new Map([[0, 1n]]));
  });

  it('[R100] shares the partitions with a second member, and both end when the group has done all records', async () => {
    const topic = await createTopic(kafka, { partitions: 4 });
    const group = uniqueName('group');
    await Promise.all([0, 1, 2, 3].map((partition) => write(kafka, topic, numbers(100, partition * 1_000), partition)));
    const until = await endOf(topic);
    const byMember: ConsumerRecord[][] = [[], []];
    const gate = Promise.withResolvers<void>();
    const runs = byMember.map((mine) =>
      sourceOf(topic, group).run(
        async (record) => {
          mine.push(record);
          if (byMember.every(({ length }) => length > 0)) gate.resolve();
          await gate.promise;
        },
        { signal: never, until },
      ),
    );
    await Promise.all(runs);
    const offsets = new Set(byMember.flat().map(({ partition, offset }) => `${partition}/${offset}`));
    expect(offsets.size).toBe(400);
    expect(byMember.every(({ length }) => length > 0)).toBe(true);
    expect(await committed(group, topic)).toEqual(until);
  });

  it('[R101] names the owner of the partitions that it waits for, and fails when the topic is created again meanwhile', async () => {
    const topic = await createTopic(kafka, { partitions: 2 });
    const group = uniqueName('group');
    await Promise.all([0, 1].map((partition) => write(kafka, topic, numbers(5), partition)));
    const until = await endOf(topic);
    const stop = new AbortController();
    const begun = Promise.withResolvers<void>();
    const hang = () => {
      begun.resolve();
      return new Promise<void>(() => {});
    };
    const first = sourceOf(topic, group).run(hang, { signal: never, until });
    // Otherwise the second may get all partitions and finish them before the first is a member.
    await begun.promise;
    const waits: (readonly AwaitedPartition[])[] = [];
    const second = createRecordSource({
      ...{ kafka, topic, group, concurrency: 4, log: silent },
      onOthers: (partitions) => waits.push(partitions),
    }).run(async () => {}, { signal: stop.signal, until });
    const failed = Promise.allSettled([first, second]);
    await vi.waitUntil(
      () => waits.some(([one]) => one?.left === 5n && one.owner?.startsWith(`process ${process.pid} `)),
      {
        timeout: 30_000,
      },
    );
    await recreate(topic, 2);
    for (const result of await failed) {
      expect(result).toMatchObject({ status: 'rejected', reason: { message: expect.stringMatching(/topic/) } });
    }
  });

  it('[R101] reads a topic that is created again while it runs from its first record', async () => {
    const topic = await createTopic(kafka);
    const group = uniqueName('group');
    await write(kafka, topic, numbers(5));
    const [stop, { records, handle }] = [new AbortController(), collect()];
    const running = createRecordSource({
      ...{ kafka, topic, group, concurrency: 4, log: silent, topicIdEveryMs: 500 },
    }).run(handle, { signal: stop.signal });
    await vi.waitUntil(() => records.length === 5, { timeout: 20_000 });
    await recreate(topic);
    await write(kafka, topic, ['a', 'b']);
    await vi.waitUntil(() => records.length === 7, { timeout: 30_000 });
    stop.abort();
    await running;
    expect(valuesOf(records)).toEqual([...numbers(5), 'a', 'b']);
    expect(await committed(group, topic)).toEqual(new Map([[0, 2n]]));
  });

  it('begins at the first remaining record when the next records of the group were deleted', async () => {
    const topic = await createTopic(kafka);
    await write(kafka, topic, numbers(10));
    await deleteRecords(kafka, topic, '7');
    const { records, handle } = collect();
    await sourceOf(topic, uniqueName('group')).run(handle, { signal: never, until: await endOf(topic) });
    expect(valuesOf(records)).toEqual(numbers(3, 7));
  });

  it('fails when the topic does not exist', async () => {
    const topic = uniqueName('missing');
    await expect(sourceOf(topic, uniqueName('group')).run(async () => {}, { signal: never })).rejects.toMatchObject({
      name: 'KafkaError',
      retriable: true,
    });
  });
});

it('[R19] ends when compaction has removed records before `until`, including those at its very end', async () => {
  const topic = uniqueName('compacted');
  const config = { 'cleanup.policy': 'compact', 'segment.ms': '1000', 'min.cleanable.dirty.ratio': '0.001' };
  await makeTopic(kafka, topic, { config });
  // One request makes one batch. Its remaining records keep their offsets when its last records are removed. A batch with
  // a later timestamp begins a new segment, and only segments before the last one are compacted.
  const start = Date.now() - 60_000;
  const writeAt = (seconds: number, keys: readonly string[]) => {
    const timestamp = String(start + seconds * 1_000);
    return writeMessages(
      kafka,
      topic,
      keys.map((key) => ({ key, value: String(seconds), partition: 0, timestamp })),
    );
  };
  await writeAt(0, [...numbers(10), 'b', 'a']);
  const until = await endOf(topic);
  await writeAt(10, ['a', 'b']);
  await writeAt(20, ['c']);
  const read = async () => {
    const { records, handle } = collect();
    const group = uniqueName('group');
    await sourceOf(topic, group).run(handle, { signal: never, until });
    expect((await committed(group, topic)).get(0)).toBeGreaterThanOrEqual(12n);
    return records.length;
  };
  await vi.waitUntil(async () => (await read()) === 10, { timeout: 60_000, interval: 300 });
});

it('[R19] ends after the markers of a transaction', async () => {
  const topic = await createTopic(kafka);
  const group = uniqueName('group');
  const producer = kafka.producer({ transactionalId: topic, maxInFlightRequests: 1, idempotent: true });
  await producer.connect();
  for (const outcome of ['commit', 'abort'] as const) {
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: [{ key: 'k', value: outcome }] });
    await transaction[outcome]();
  }
  await producer.disconnect();
  const { records, handle } = collect();
  await sourceOf(topic, group).run(handle, { signal: never, until: await endOf(topic) });
  expect(valuesOf(records)).toEqual(['commit']);
  expect(await committed(group, topic)).toEqual(new Map([[0, 4n]]));
});
