import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { createAdmin } from '../../kafka/admin.ts';
import type { KafkaAdmin } from '../../kafka/cluster-admin.ts';
import { openPlatform } from '../../platform/platform.ts';
import { discardIds } from '../../replay/discard.ts';
import { movieIdCodec } from '../../schemas/codecs.ts';
import { joinAs, testKafka, uniqueName, writeMessages } from '../support/kafka/broker.ts';
import { Deployment } from '../support/kafka/deployment.ts';

const kafka = testKafka();
const hour = 3_600_000;

let deployment: Deployment;
let admin: KafkaAdmin;
beforeAll(() => {
  admin = createAdmin(kafka);
});
afterAll(() => admin[Symbol.asyncDispose]());
beforeEach(async () => {
  deployment = await Deployment.open(`${uniqueName('discard')}.`, 5);
});
afterEach(() => deployment[Symbol.asyncDispose]());

const discard = async (options: Parameters<typeof discardIds>[2]) => {
  await using platform = openPlatform(deployment.context);
  return await discardIds(deployment.context, platform, options);
};

/** Publishes ids of movies that the sandbox has, with a time some hours ago. */
async function publish(movies: readonly number[], { hoursAgo, partition }: { hoursAgo: number; partition: number }) {
  const at = Date.now() - hoursAgo * hour;
  const value = (movieId: number) =>
    movieIdCodec.encode({ movieId, reason: 'popular', page: 1, rank: 1, requestedAt: new Date(at) });
  await writeMessages(
    kafka,
    deployment.context.config.kafka.topics.movieIds.name,
    movies.map((movieId) => ({ key: String(movieId), value: value(movieId), partition, timestamp: String(at) })),
  );
}

it('[R117] drops the waiting ids, as many as its dry run reports, and names the command that fetches exactly these again', async () => {
  const { topics, groups } = deployment.context.config.kafka;
  const topic = topics.movieIds.name;
  const [done = 0, ...rest] = await deployment.listed();
  await deployment.createTopics();
  await publish([done], { hoursAgo: 4, partition: 0 });
  expect(await deployment.fetch()).toBe(1);
  await publish(rest.slice(0, 4), { hoursAgo: 3, partition: 0 });
  await publish(rest.slice(3, 6), { hoursAgo: 3, partition: 1 });
  await publish(rest.slice(6, 8), { hoursAgo: 1, partition: 1 });
  await writeMessages(kafka, topic, [{ key: '7', value: 'no id', partition: 0, timestamp: '1000' }]);
  const committed = await admin.commits(groups.fetcher, topic);

  const plan = await deployment.run('ids', 'discard', '--before', '2h', '--json');
  expect(plan.code, plan.stderr).toBe(2);
  expect(plan.stderr).toContain('nothing is discarded yet: --yes discards the 7 ids above');
  const planned = JSON.parse(plan.stdout);
  expect(planned).toMatchObject({ isDryRun: true, ids: 7, movies: 6, unreadable: 1, members: [] });
  expect(planned.partitions).toEqual([
    { partition: 0, from: 1, to: 6, ids: 4 },
    { partition: 1, from: 0, to: 3, ids: 3 },
  ]);
  expect(await admin.commits(groups.fetcher, topic)).toEqual(committed);

  const { code, stdout } = await deployment.run('ids', 'discard', '--before', '2h', '--yes');
  expect(code).toBe(0);
  expect(stdout).toContain('discarded 7 ids of 6 movies, and 1 records that are not ids');
  expect(await deployment.fetch()).toBe(2);
  expect(await discard({ isBackfill: false, isDryRun: false })).toMatchObject({
    ids: 0,
    partitions: [],
    fetchAgain: null,
  });
  const again = /to fetch them again: tmdb-stream (replay ids .+)/.exec(stdout)?.[1] ?? '';
  expect((await deployment.run(...again.split(' '))).stdout).toContain('published 6 ids');
  expect(await deployment.fetch()).toBe(6);
});

it('[R117] changes nothing while a process reads ids, in the group or in its former one', async () => {
  const { topics, groups, formerGroups } = deployment.context.config.kafka;
  const topic = topics.movieIds.name;
  await deployment.createTopics();
  await publish(await deployment.listed(), { hoursAgo: 1, partition: 0 });
  for (const group of [groups.fetcher, formerGroups.fetcher]) {
    await using _ = await joinAs(kafka, group, topic);
    await expect(discard({ isBackfill: false, isDryRun: false })).rejects.toMatchObject({
      name: 'GroupInUseError',
      message: expect.stringContaining(`group ${group} has members (test at`),
    });
    expect(await discard({ isBackfill: false, isDryRun: true })).toMatchObject({
      ids: 20,
      members: [expect.stringContaining('test at')],
    });
    expect(await admin.commits(groups.fetcher, topic)).toEqual(new Map());
  }
});

it('[R117] drops only what the group of an older version has not fetched', async () => {
  const { topics, groups, formerGroups } = deployment.context.config.kafka;
  const topic = topics.movieIds.name;
  await deployment.createTopics();
  await publish(await deployment.listed(), { hoursAgo: 1, partition: 0 });
  await admin.replaceCommits(formerGroups.fetcher, topic, new Map([[0, { offset: 15n, ahead: new Set([17n]) }]]));
  expect(await discard({ isBackfill: false, isDryRun: false })).toMatchObject({
    ids: 4,
    partitions: [{ partition: 0, from: 15, to: 20 }],
  });
  expect(await admin.committedOffsets(groups.fetcher, topic)).toEqual(new Map([[0, 20n]]));
  expect(await deployment.fetch()).toBe(0);
});
