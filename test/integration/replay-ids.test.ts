import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { KafkaCluster } from '../../kafka/cluster.ts';
import { readTopic } from '../../kafka/read-topic.ts';
import type { Platform } from '../../platform/platform.ts';
import { replayIds } from '../../replay/ids.ts';
import { writeJournal } from '../../replay/journal.ts';
import { movieIdCodec } from '../../schemas/codecs.ts';
import type { MovieId } from '../../schemas/records.ts';
import { selectedBy } from '../support/commands/command-line.ts';
import { writeMessages } from '../support/kafka/broker.ts';
import { OwnKafka, type Stage } from '../support/kafka/own-kafka.ts';
import { topics } from '../support/kafka/topics.ts';
import { casesOf } from '../tiers.ts';

let broker: OwnKafka;
let stage: Stage;
let journal: string;
beforeAll(async () => {
  broker = await OwnKafka.start();
});
afterAll(() => broker[Symbol.asyncDispose]());
beforeEach(async () => {
  stage = await broker.begin();
  journal = join(stage.context.config.dataDir, 'replay-ids.json');
});
afterEach(() => stage[Symbol.asyncDispose]());

const hour = 3_600_000;
const started = Date.now();

interface Known {
  readonly movieId: number;
  readonly partition?: number;
  /** How long ago it was requested. */
  readonly hoursAgo?: number;
  readonly isGone?: boolean;
}

/** Writes ids of these movies to the topic, in this order. The rank of a movie is its id. */
const know = (movies: readonly Known[]) =>
  writeMessages(
    stage.client,
    topics.movieIds.name,
    movies.map(({ movieId, partition = 0, hoursAgo = 1, isGone }) => {
      const at = started - hoursAgo * hour;
      const value = { movieId, reason: 'popular', page: 1, rank: movieId, requestedAt: new Date(at) } as const;
      return {
        key: String(movieId),
        value: isGone ? null : movieIdCodec.encode(value),
        partition,
        timestamp: String(at),
      };
    }),
  );

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

/** The ids that were published by a replay, in no particular order. */
const replayed = async (): Promise<MovieId[]> => {
  const ids: MovieId[] = [];
  await readTopic(stage.client, topics.movieIds.name, ({ value }) => {
    const id = value && String(value) !== 'garbage' ? movieIdCodec.decode(value) : null;
    if (id?.reason === 'manual') ids.push(id);
  });
  return ids.sort((a, b) => a.movieId - b.movieId);
};
const replayedIds = async () => (await replayed()).map(({ movieId }) => movieId);

const replay = (...args: string[]) => stage.run(['replay', 'ids', ...args]);

it('publishes each movie again as in its newest record, and omits deleted movies', async () => {
  await know([{ movieId: 1, hoursAgo: 3 }, { movieId: 2 }, { movieId: 3 }, { movieId: 1, hoursAgo: 2 }]);
  await know([
    { movieId: 3, isGone: true },
    { movieId: 4, partition: 1 },
  ]);
  await writeMessages(stage.client, topics.movieIds.name, [{ key: '5', value: 'garbage', partition: 0 }]);
  const before = Date.now();
  const { code, stdout } = await replay('--all');
  expect(code).toBe(0);
  expect(stdout).toContain('published 3 ids');
  const ids = await replayed();
  expect(ids).toMatchObject([1, 2, 4].map((movieId) => ({ movieId, page: 1, rank: movieId, reason: 'manual' })));
  expect(ids.every(({ requestedAt }) => requestedAt.getTime() >= before)).toBe(true);
  expect(existsSync(journal)).toBe(false);
});

const selections: readonly (readonly [string, readonly number[]])[] = [
  ['--since 150m', [2, 3, 4]],
  ['--until 150m', [1]],
  ['--since 150m --until 90m', [2]],
  ['--from-offset 1', [2, 3]],
  ['--from-offset 0:1', [2, 3]],
  ['--from-offset 1:0', [4]],
  ['--from-offset 0:2 --from-offset 0', [3, 4]],
  ['--movie 1 --movie 3', [1, 3]],
  ['--movie 1 --movie 3 --since 150m', [3]],
  ['--movie 1 --movie 77', [1, 77]],
  ['--movie 77 --since 150m', []],
];

it.each(casesOf(selections, [2, 6, 8, 9]))('selects by %s', async (selection, movies) => {
  await know([
    { movieId: 1, hoursAgo: 3 },
    { movieId: 2, hoursAgo: 2 },
    { movieId: 3, hoursAgo: 1 },
    { movieId: 4, hoursAgo: 1, partition: 1 },
  ]);
  const startedAt = Date.now();
  const begun = { selection, startedAt };
  const options = { selection: selectedBy(selection, started), begun, journal, isBackfill: false, isDryRun: false };
  expect(await replayIds(stage.context, stage.platform, options)).toMatchObject({ records: movies.length });
  expect(await replayedIds()).toEqual(movies);
});

it('publishes a movie that is selected by its id even if it was removed', async () => {
  await know([{ movieId: 1 }, { movieId: 1, isGone: true }]);
  await replay('--movie', '1');
  expect(await replayed()).toMatchObject([{ movieId: 1, page: null, rank: null }]);
});

it('reports in a dry run what it would cost, and writes nothing', async () => {
  await know(range(60).map((movieId) => ({ movieId })));
  const before = await stage.ends();
  const { stdout } = await replay('--all', '--dry-run', '--json');
  // The limit is 40 requests in 10 s.
  expect(JSON.parse(stdout)).toMatchObject({ records: 60, apiCalls: 60, minutes: 0.25, isDryRun: true });
  expect((await replay('--all', '--dry-run')).stdout).toContain('would publish 60 ids for "fetch": 60 API calls, 15 s');
  expect(await stage.ends()).toEqual(before);
  expect(existsSync(journal)).toBe(false);
});

/** Ends in the middle of a replay: the first ids are published, the others never. */
const dyingAfter = (ids: number): Platform => {
  const kafka = async () => {
    const { cluster, ...others } = await stage.platform.kafka();
    const dying: KafkaCluster = {
      ...cluster,
      sink: (topic) => {
        const sink = cluster.sink(topic);
        return {
          publish: async (records) => {
            await sink.publish(records.slice(0, ids));
            throw new Error('killed');
          },
          [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
        };
      },
    };
    return { ...others, cluster: dying };
  };
  return { ...stage.platform, kafka };
};

it.each(casesOf([300, 0, 1]))(
  'resumes where it was killed after %i ids: each is published once in total',
  async (published) => {
    await know(range(1_500).map((movieId) => ({ movieId, partition: movieId % 2 })));
    const begun = { selection: '--since 2h', startedAt: Date.now() };
    const options = { selection: { since: started - 2 * hour }, begun, journal, isBackfill: false, isDryRun: false };
    await expect(replayIds(stage.context, dyingAfter(published), options)).rejects.toThrow('killed');
    // An id that the walk has requested meanwhile is fresh as well.
    await know([{ movieId: 1_500, hoursAgo: -1 }]);
    const expected = range(1_499);

    expect(await replay('--since', '3h')).toMatchObject({ code: 2 });
    expect((await replay('--since', '3h')).stderr).toContain('"replay ids --since 2h" is not finished');
    const { code, stdout } = await replay('--since', '2h', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ records: 1_499 - published, alreadyAsked: published });
    expect(await replayedIds()).toEqual(expected);
    expect(existsSync(journal)).toBe(false);
  },
);

it('starts from scratch with --restart, whatever replay was begun', { tags: ['full'] }, async () => {
  await know([{ movieId: 1 }]);
  writeJournal(journal, { selection: '--movie 9', startedAt: Date.now() });
  expect(await replay('--all', '--restart')).toMatchObject({ code: 0 });
  expect(await replayedIds()).toEqual([1]);
  writeFileSync(journal, 'torn');
  const refused = await replay('--all');
  expect(refused).toMatchObject({ code: 2 });
  expect(refused.stderr).toContain('--restart');
  expect(await replay('--all', '--restart')).toMatchObject({ code: 0 });
  expect(await replayedIds()).toEqual([1, 1]);
});
