import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { sampleLags } from '../../dead-letters/sample.ts';
import { createAdmin } from '../../kafka/admin.ts';
import type { KafkaAdmin } from '../../kafka/cluster-admin.ts';
import { GroupInUseError } from '../../kafka/errors.ts';
import { commitsWithFormer, takeOverOffsets } from '../../kafka/former-group.ts';
import { examineKafka } from '../../pipeline/doctor.ts';
import { openPlatform } from '../../platform/platform.ts';
import { systemClock } from '../../runtime/clock.ts';
import { createTopic, joinAs, testKafka, uniqueName, write } from '../support/kafka/broker.ts';
import { Deployment } from '../support/kafka/deployment.ts';

const kafka = testKafka();

describe('a deployment whose groups had other names', () => {
  let deployment: Deployment;
  let admin: KafkaAdmin;
  beforeAll(async () => {
    deployment = await Deployment.open(`${uniqueName('older')}.`, 3);
    admin = createAdmin(kafka);
  });
  afterAll(async () => {
    await admin[Symbol.asyncDispose]();
    await deployment[Symbol.asyncDispose]();
  });

  /** The gauge of the ids that wait for the fetcher, as a service exposes it. */
  async function shownLag(): Promise<number | undefined> {
    const { context } = deployment;
    const { topics, groups, formerGroups } = context.config.kafka;
    await using platform = openPlatform(context);
    const group = { group: groups.fetcher, former: formerGroups.fetcher, topics: [topics.movieIds.name] };
    await sampleLags(platform, context, { groups: [group] });
    return (await context.metrics.lagRecords.get()).values[0]?.value;
  }

  it('[R116] fetches only the ids that its former group had not finished, and waits for the members of that group', async () => {
    const { topics, groups, formerGroups } = deployment.context.config.kafka;
    const topic = topics.movieIds.name;
    await deployment.walk();
    const { high } = await admin.topicOffsets(topic);
    const last = (high.get(0) ?? 0n) - 1n;
    // All of partition 1 is done, and all of partition 0 except its last record and its third-last one.
    const committed = new Map([
      [0, { offset: last - 2n, ahead: new Set([last - 1n]) }],
      [1, { offset: high.get(1) ?? 0n, ahead: new Set<bigint>() }],
    ]);
    await admin.replaceCommits(formerGroups.fetcher, topic, committed);
    const names = { group: groups.fetcher, former: formerGroups.fetcher };
    expect(await commitsWithFormer(admin, names, topic)).toEqual(committed);
    expect(await shownLag()).toBe(3);

    let fetching: Promise<number>;
    {
      await using _ = await joinAs(kafka, formerGroups.fetcher, topic);
      fetching = deployment.fetch();
      await vi.waitUntil(() => deployment.waits.length > 0, { timeout: 20_000 });
      expect(deployment.waits[0]).toContain(`an older version, which reads as group ${formerGroups.fetcher}`);
      expect(await admin.commits(groups.fetcher, topic)).toEqual(new Map());
    }
    expect(await fetching).toBe(2);
    expect(await admin.committedOffsets(groups.fetcher, topic)).toEqual(high);
    // The former group keeps its commits, so that the older version can run again.
    expect(await admin.commits(formerGroups.fetcher, topic)).toEqual(committed);
    expect(await deployment.fetch()).toBe(0);
    expect(await shownLag()).toBe(0);
  });

  it('[R116] names, in `doctor`, a process of the older version that starts later', async () => {
    const { topics, formerGroups } = deployment.context.config.kafka;
    const verdicts = async () => (await examineKafka(deployment.context)).map(({ verdict }) => verdict);
    expect(await verdicts()).toEqual(['ok']);
    await using _ = await joinAs(kafka, formerGroups.fetcher, topics.movieIds.name);
    expect(await verdicts()).toEqual(['ok', 'warn']);
    const [, found] = await examineKafka(deployment.context);
    expect(found?.detail).toMatch(/^test at /);
    expect(found?.detail).toContain(`reads as group ${formerGroups.fetcher}`);
  });

  it('[R116] loads from the position in the ledger, regardless of the commits of the former group', async () => {
    const { topics, groups, formerGroups } = deployment.context.config.kafka;
    const topic = topics.rawMovies.name;
    const { high } = await admin.topicOffsets(topic);
    const ends = new Map([...high].map(([partition, offset]) => [partition, { offset, ahead: new Set<bigint>() }]));
    await admin.replaceCommits(formerGroups.loader, topic, ends);
    expect(await deployment.load()).toBe(2);
    expect(await admin.committedOffsets(groups.loader, topic)).toEqual(high);
    expect(await deployment.movies()).toHaveLength(2);
  });
});

describe('taking over the offsets of a former group', () => {
  const options = { signal: new AbortController().signal, clock: systemClock, onWaiting: () => {} };
  const at = (offset: bigint) => ({ offset, ahead: new Set<bigint>() });

  it('[R116] replaces no commit of the group, and needs no former group', async () => {
    await using admin = createAdmin(kafka);
    const topic = await createTopic(kafka, { partitions: 3 });
    const names = { group: uniqueName('group'), former: uniqueName('former') };
    await takeOverOffsets(admin, names, [topic], options);
    expect(await admin.commits(names.group, topic)).toEqual(new Map());
    await write(kafka, topic, ['a', 'b', 'c']);
    await admin.replaceCommits(names.group, topic, new Map([[0, at(3n)]]));
    const former = new Map([
      [0, at(1n)],
      [1, at(0n)],
    ]);
    await admin.replaceCommits(names.former, topic, former);
    // Two processes that start at the same time copy the same offsets.
    await Promise.all([1, 2].map(() => takeOverOffsets(admin, names, [topic], options)));
    const merged = new Map([
      [0, 3n],
      [1, 0n],
    ]);
    expect(await admin.committedOffsets(names.group, topic)).toEqual(merged);
  });

  it('[R116] leaves the offsets of a group with members to these members', async () => {
    await using admin = createAdmin(kafka);
    const topic = await createTopic(kafka);
    await write(kafka, topic, ['a', 'b', 'c']);
    const names = { group: uniqueName('group'), former: uniqueName('former') };
    await admin.replaceCommits(names.former, topic, new Map([[0, at(2n)]]));
    await using _ = await joinAs(kafka, names.group, topic);
    await takeOverOffsets(admin, names, [topic], options);
    expect(await admin.commits(names.group, topic)).toEqual(new Map());
    await expect(admin.replaceCommits(names.group, topic, new Map([[0, at(1n)]]))).rejects.toThrow(GroupInUseError);
  });
});
