import { Partitioners } from 'kafkajs';
import { describe, expect, it, vi } from 'vitest';
import { createAdmin } from '../../../kafka/admin.ts';
import { GapError } from '../../../kafka/errors.ts';
import { type Gap, parseGap } from '../../../kafka/gap.ts';
import { createPartitionSource } from '../../../kafka/partition-source.ts';
import { readTopic } from '../../../kafka/read-topic.ts';
import type { PartitionHandler, PartitionRecords } from '../../../kafka/topic.ts';
import {
  commitAs,
  createTopic,
  deleteRecords,
  makeTopic,
  numbers,
  testKafka,
  uniqueName,
  withAdmin,
  write,
  writeMessages,
} from '../../support/kafka/broker.ts';

const kafka = testKafka();
const sourceOf = (topic: string, group = uniqueName('group')) =>
  createPartitionSource({ kafka, group, topics: [topic] });

/** A ledger in memory. Like the warehouse, it refuses records that do not follow its position. */
class Ledger implements PartitionHandler {
  readonly positions: Map<number, bigint>;
  readonly values: string[] = [];
  readonly asked: number[] = [];
  readonly lost: number[] = [];
  onBatch: (batch: PartitionRecords) => Promise<void> = async () => {};

  constructor(positions: Iterable<[number, bigint]> = []) {
    this.positions = new Map(positions);
  }

  async position(_: string, partition: number, _topicId: string): Promise<bigint | null> {
    this.asked.push(partition);
    return this.positions.get(partition) ?? null;
  }

  async records(batch: PartitionRecords): Promise<void> {
    await this.onBatch(batch);
    const stored = this.positions.get(batch.partition);
    const first = batch.records[0]?.offset;
    if (stored !== undefined && first !== undefined && first < stored) throw new Error('handed out twice');
    this.values.push(...batch.records.map(({ value }) => String(value)));
    this.positions.set(batch.partition, batch.next);
  }

  revoked(_: string, partition: number): void {
    this.lost.push(partition);
  }
}

async function runUntil(topic: string, ledger: Ledger, isDone: () => boolean, group?: string): Promise<void> {
  const stop = new AbortController();
  const running = sourceOf(topic, group).run(ledger, { signal: stop.signal });
  await Promise.race([running, vi.waitUntil(isDone, { timeout: 30_000 })]);
  stop.abort();
  await running;
}

describe('a partition source', () => {
  it('[R17] begins at the position of the ledger, regardless of the commits of the group', async () => {
    const topic = await createTopic(kafka, { partitions: 2 });
    const group = uniqueName('group');
    await write(kafka, topic, numbers(10), 0);
    await write(kafka, topic, numbers(10, 100), 1);
    await commitAs(kafka, group, topic, 0, 9n);
    await commitAs(kafka, group, topic, 1, 0n);
    const ledger = new Ledger([
      [0, 4n],
      [1, 8n],
    ]);
    await runUntil(topic, ledger, () => ledger.values.length >= 8, group);
    expect(ledger.values.toSorted()).toEqual([...numbers(6, 4), ...numbers(2, 108)].toSorted());
    expect(ledger.positions).toEqual(
      new Map([
        [0, 10n],
        [1, 10n],
      ]),
    );
  });

  it('begins at the first record when the ledger has no position, even if that is not offset 0', async () => {
    const topic = await createTopic(kafka);
    await write(kafka, topic, numbers(10));
    await deleteRecords(kafka, topic, '6');
    const ledger = new Ledger();
    await runUntil(topic, ledger, () => ledger.values.length >= 4);
    expect(ledger.values).toEqual(numbers(4, 6));
  });

  it('delivers no more records of a partition before the handler has finished the previous ones', async () => {
    const topic = await createTopic(kafka);
    const stop = new AbortController();
    const ledger = new Ledger();
    let inside = 0;
    ledger.onBatch = async () => {
      inside += 1;
      expect(inside).toBe(1);
      await write(kafka, topic, ['more']);
      inside -= 1;
    };
    await write(kafka, topic, ['first']);
    const running = sourceOf(topic).run(ledger, { signal: stop.signal });
    await vi.waitUntil(() => ledger.values.length >= 5, { timeout: 30_000 });
    stop.abort();
    await running;
  });

  it('commits the position of the ledger to Kafka', async () => {
    const topic = await createTopic(kafka);
    const group = uniqueName('group');
    await write(kafka, topic, numbers(3));
    const source = sourceOf(topic, group);
    const stop = new AbortController();
    const ledger = new Ledger();
    const running = source.run(ledger, { signal: stop.signal });
    await vi.waitUntil(() => ledger.values.length === 3, { timeout: 30_000 });
    await source.commit(topic, new Map([[0, 3n]]));
    stop.abort();
    await running;
    await using admin = createAdmin(kafka);
    expect(await admin.committedOffsets(group, topic)).toEqual(new Map([[0, 3n]]));
  });

  it('commits the position of the ledger when it is assigned a partition that has no new record', async () => {
    const topic = await createTopic(kafka);
    const group = uniqueName('group');
    await write(kafka, topic, numbers(3));
    await commitAs(kafka, group, topic, 0, 1n);
    const stop = new AbortController();
    const running = sourceOf(topic, group).run(new Ledger([[0, 3n]]), { signal: stop.signal });
    const committed = () =>
      withAdmin(kafka, async (admin) => {
        const [found] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
        return found?.partitions[0]?.offset;
      });
    await vi.waitUntil(async () => (await committed()) === '3', { timeout: 30_000 });
    stop.abort();
    await running;
  });

  it('passes on errors of the handler, and delivers nothing after them', async () => {
    const topic = await createTopic(kafka);
    await write(kafka, topic, numbers(3));
    let calls = 0;
    const ledger = new Ledger();
    ledger.onBatch = async () => {
      calls += 1;
      throw new RangeError('disk full');
    };
    await expect(sourceOf(topic).run(ledger, { signal: new AbortController().signal })).rejects.toThrow(RangeError);
    expect(calls).toBe(1);
  });
});

describe('a gap', () => {
  const run = (topic: string, ledger: Ledger) => sourceOf(topic).run(ledger, { signal: new AbortController().signal });

  it('[P8 R15] stops the source when records were deleted that the ledger does not have, and names them', async () => {
    const topic = await createTopic(kafka);
    await write(kafka, topic, numbers(10));
    await deleteRecords(kafka, topic, '7');
    const failing = run(topic, new Ledger([[0, 3n]]));
    await expect(failing).rejects.toThrow(GapError);
    await expect(failing).rejects.toThrow(`${topic}/0/3-6: these 4 offsets were never loaded`);
  });

  it('[P8 R15] is skipped when a person accepts exactly this gap, and the ledger records it', async () => {
    const topic = await createTopic(kafka);
    await write(kafka, topic, numbers(10));
    await deleteRecords(kafka, topic, '7');
    const ledger = new Ledger([[0, 3n]]);
    const batches: PartitionRecords[] = [];
    ledger.onBatch = async (batch) => void batches.push(batch);
    const accepting = (gap: string) => {
      const acceptedGaps = [parseGap(`${topic}/0/${gap}`) as Gap];
      return createPartitionSource({ kafka, group: uniqueName('group'), topics: [topic], acceptedGaps });
    };
    await expect(accepting('3-5').run(ledger, { signal: new AbortController().signal })).rejects.toThrow(GapError);
    const stop = new AbortController();
    const running = accepting('3-6').run(ledger, { signal: stop.signal });
    await Promise.race([running, vi.waitUntil(() => ledger.values.length === 3, { timeout: 30_000 })]);
    stop.abort();
    await running;
    expect(batches[0]).toMatchObject({ partition: 0, records: [], next: 7n });
    expect(ledger.values).toEqual(numbers(3, 7));
  });

  it('at the end of the topic stops the source, because its offsets belong to other records now', async () => {
    const topic = await createTopic(kafka);
    await write(kafka, topic, numbers(3));
    await expect(run(topic, new Ledger([[0, 10n]]))).rejects.toThrow(`${topic}/0/3-9: these offsets are in BRONZE`);
  });

  it('[R15] stops a running source when records are deleted before it read them', async () => {
    const topic = await createTopic(kafka);
    await write(kafka, topic, numbers(3));
    const ledger = new Ledger();
    ledger.onBatch = async () => {
      // While it processes the first three records, three more are written, and two of them are deleted.
      await write(kafka, topic, numbers(3, 3));
      await deleteRecords(kafka, topic, '5');
    };
    await expect(run(topic, ledger)).rejects.toThrow(`${topic}/0/3-4: these 2 offsets were never loaded`);
    expect(ledger.values).toEqual(numbers(3));
  });
});

describe('holes in the middle of a partition', () => {
  const compacting = { 'cleanup.policy': 'compact', 'segment.ms': '1000', 'min.cleanable.dirty.ratio': '0.001' };

  /** Writes five keys some seconds apart, so that segments end, and waits until compaction has removed older values. */
  const compactedTopic = async () => {
    const topic = await createTopic(kafka, { config: compacting });
    const writeAt = (agoMs: number, keys: readonly string[]) => {
      const timestamp = String(Date.now() - agoMs);
      return writeMessages(
        kafka,
        topic,
        keys.map((key) => ({ key, value: key, timestamp })),
      );
    };
    await writeAt(60_000, ['a', 'b', 'c', 'd']);
    await writeAt(50_000, ['b', 'c']);
    await writeAt(40_000, ['d']);
    await writeAt(30_000, ['e']);
    const left: string[] = [];
    await vi.waitUntil(
      async () => {
        left.length = 0;
        await readTopic(kafka, topic, ({ offset }) => left.push(String(offset)));
        return left.length < 6;
      },
      { timeout: 60_000, interval: 300 },
    );
    return { topic, left };
  };

  it('[R83] are a gap: the source stops, and continues when a person accepts a wider range', async () => {
    const { topic, left } = await compactedTopic();
    expect(left[0]).toBe('0');
    // The topic was compacted and is not any more: only the holes show it.
    await withAdmin(kafka, (admin) =>
      admin.alterConfigs({
        validateOnly: false,
        resources: [{ type: 2, name: topic, configEntries: [{ name: 'cleanup.policy', value: 'delete' }] }],
      }),
    );
    const ledger = new Ledger();
    const run = (acceptedGaps: readonly Gap[], signal: AbortSignal) =>
      createPartitionSource({ kafka, group: uniqueName('group'), topics: [topic], acceptedGaps }).run(ledger, {
        signal,
      });
    const failure = await run([], new AbortController().signal).catch((error) => error);
    expect(failure).toBeInstanceOf(GapError);
    expect(failure.message).toMatch(
      new RegExp(`^${topic}/0/\\d+-\\d+: ${8 - left.length} of these offsets were never loaded`),
    );
    expect(ledger.values).toEqual([]);
    const stop = new AbortController();
    const running = run([{ topic, partition: 0, first: 0n, last: 1_000n }], stop.signal);
    await Promise.race([running, vi.waitUntil(() => ledger.positions.get(0) === 8n, { timeout: 30_000 })]);
    stop.abort();
    await running;
    expect(ledger.values).toHaveLength(left.length);
  });

  it('[R19] do not include transaction markers and aborted records', async () => {
    const topic = await createTopic(kafka);
    const producer = kafka.producer({
      ...{ transactionalId: topic, maxInFlightRequests: 1, idempotent: true },
      createPartitioner: Partitioners.DefaultPartitioner,
    });
    await producer.connect();
    for (const [index, outcome] of (['abort', 'commit', 'abort', 'abort', 'commit', 'abort'] as const).entries()) {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ value: `${outcome}-${index}` }] });
      await transaction[outcome]();
    }
    await producer.disconnect();
    const ledger = new Ledger();
    await runUntil(topic, ledger, () => ledger.positions.get(0) === 12n);
    expect(ledger.values).toEqual(['commit-1', 'commit-4']);
  });
});

describe('a topic that is recreated under the same name', () => {
  /** A ledger keyed by Kafka's id of the topic, like that of the warehouse. */
  class LedgerById extends Ledger {
    readonly ids: string[] = [];
    override async position(topic: string, partition: number, topicId: string): Promise<bigint | null> {
      if (!this.ids.includes(topicId)) {
        this.ids.push(topicId);
        this.positions.clear();
      }
      return super.position(topic, partition, topicId);
    }
  }
  const recreate = async (topic: string) => {
    await withAdmin(kafka, (admin) => admin.deleteTopics({ topics: [topic] }));
    const isMade = () =>
      makeTopic(kafka, topic, {}).then(
        () => true,
        () => false,
      );
    await vi.waitUntil(isMade, { timeout: 20_000, interval: 100 });
  };

  it('[R16] is read from its first record, even if its end is beyond the old position', async () => {
    const topic = await createTopic(kafka);
    await write(kafka, topic, numbers(3));
    const ledger = new LedgerById();
    await runUntil(topic, ledger, () => ledger.values.length === 3);
    await recreate(topic);
    await write(kafka, topic, numbers(10, 100));
    await runUntil(topic, ledger, () => ledger.values.length >= 13);
    expect(ledger.values).toEqual([...numbers(3), ...numbers(10, 100)]);
    expect(ledger.ids).toHaveLength(2);
  });

  it('[R16] is read from its first record by a source that is running, or that is started again when it ends', async () => {
    const topic = await createTopic(kafka);
    await write(kafka, topic, numbers(3));
    const ledger = new LedgerById();
    const group = uniqueName('group');
    const stop = new AbortController();
    const source = () => createPartitionSource({ kafka, group, topics: [topic], topicIdsEveryMs: 200 });
    let starts = 0;
    const running = (async () => {
      // As a restart policy does.
      while (!stop.signal.aborted && starts < 20) {
        starts += 1;
        await source()
          .run(ledger, { signal: stop.signal })
          .catch(() => {});
      }
    })();
    await vi.waitUntil(() => ledger.values.length === 3, { timeout: 30_000 });
    await recreate(topic);
    await write(kafka, topic, numbers(10, 100));
    await vi.waitUntil(() => numbers(10, 100).every((value) => ledger.values.includes(value)), { timeout: 60_000 });
    stop.abort();
    await running;
    expect(ledger.ids).toHaveLength(2);
  });
});

it('[R13] shares partitions with a second member: nothing is lost or duplicated when it joins and when it leaves', async () => {
  const topic = await createTopic(kafka, { partitions: 4 });
  const group = uniqueName('group');
  const [first, second] = [new Ledger(), new Ledger()];
  // Both have one ledger, like two loaders of a warehouse.
  const shared = first.positions;
  Object.assign(second, { positions: shared });
  const partitions = [0, 1, 2, 3];
  const writeAll = (from: number) =>
    Promise.all(partitions.map((partition) => write(kafka, topic, numbers(50, from + partition * 1_000), partition)));
  const isAt = (end: bigint) => () => partitions.every((partition) => shared.get(partition) === end);
  const stop = [new AbortController(), new AbortController()] as const;

  await writeAll(0);
  const one = sourceOf(topic, group).run(first, { signal: stop[0].signal });
  await vi.waitUntil(isAt(50n), { timeout: 30_000 });
  const two = sourceOf(topic, group).run(second, { signal: stop[1].signal });
  await vi.waitUntil(() => second.asked.length === 2 && first.lost.length === 2, { timeout: 30_000 });
  expect(first.asked).toHaveLength(4);
  await writeAll(100);
  await vi.waitUntil(isAt(100n), { timeout: 30_000 });
  expect(second.values).toHaveLength(100);

  stop[1].abort();
  await two;
  await writeAll(200);
  await vi.waitUntil(isAt(150n), { timeout: 30_000 });
  stop[0].abort();
  await one;
  const all = [...first.values, ...second.values];
  expect(new Set(all).size).toBe(600);
  expect(all).toHaveLength(600);
});

it('[R13] stays a member while a handler takes longer than the session', async () => {
  const topic = await createTopic(kafka);
  const group = uniqueName('group');
  await write(kafka, topic, ['a']);
  const ledger = new Ledger();
  const release = Promise.withResolvers<void>();
  let begunAt = Number.POSITIVE_INFINITY;
  ledger.onBatch = () => {
    begunAt = performance.now();
    return release.promise;
  };
  const stop = new AbortController();
  const running = createPartitionSource({ kafka, group, topics: [topic], sessionTimeoutMs: 1_000 }).run(ledger, {
    signal: stop.signal,
  });
  await vi.waitUntil(() => performance.now() - begunAt > 3_500, { timeout: 60_000 });
  const { groups } = await withAdmin(kafka, (admin) => admin.describeGroups([group]));
  expect(groups[0]?.members).toHaveLength(1);
  release.resolve();
  await vi.waitUntil(() => ledger.values.length === 1, { timeout: 30_000 });
  stop.abort();
  await running;
  expect(ledger.asked).toEqual([0]);
});

it('stops reporting progress while its handler hangs, and reports again when it continues', async () => {
  const topic = await createTopic(kafka);
  await write(kafka, topic, ['a']);
  const ledger = new Ledger();
  const [slow, stop] = [Promise.withResolvers<void>(), new AbortController()];
  ledger.onBatch = () => slow.promise;
  let lastBeat = 0;
  const running = createPartitionSource({
    ...{ kafka, group: uniqueName('group'), topics: [topic], sessionTimeoutMs: 1_000, stallMs: 500 },
    onAlive: () => {
      lastBeat = performance.now();
    },
  }).run(ledger, { signal: stop.signal });
  await vi.waitUntil(() => lastBeat > 0, { timeout: 20_000 });
  // For the time of many heartbeats: they continue, as the session does, but they are not reported.
  await vi.waitUntil(() => performance.now() - lastBeat > 1_500, { timeout: 20_000 });
  slow.resolve();
  await vi.waitUntil(() => performance.now() - lastBeat < 500, { timeout: 20_000 });
  stop.abort();
  await running;
});
