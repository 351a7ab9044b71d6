import kafkajs from 'kafkajs';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { readTopic } from '../../kafka/read-topic.ts';
import { examine } from '../../pipeline/doctor.ts';
import type { PlatformOptions } from '../../platform/context.ts';
import { topicSettingsOf } from '../../platform/open-kafka.ts';
import { openPlatform } from '../../platform/platform.ts';
import { ExitCode } from '../../runtime/errors.ts';
import { rawMovieCodec } from '../../schemas/codecs.ts';
import { makeTopic, type TestTopic, withAdmin, writeMessages } from '../support/kafka/broker.ts';
import { OwnKafka, type Stage } from '../support/kafka/own-kafka.ts';
import { topicNames, topics } from '../support/kafka/topics.ts';
import { casesOf } from '../tiers.ts';

const { ConfigResourceTypes } = kafkajs;

let kafka: OwnKafka;
let stage: Stage;

beforeAll(async () => {
  // The log cleaner runs at once, so that a test sees the result of compaction.
  kafka = await OwnKafka.start({ 'log.cleaner.backoff.ms': '200', 'log.initial.task.delay.ms': '500' });
}, 120_000);
afterAll(() => kafka?.[Symbol.asyncDispose]());
beforeEach(async () => {
  stage = await kafka.begin();
  return () => stage[Symbol.asyncDispose]();
});

/** Sets the settings of a topic, or of the whole broker if there is no topic. All others get their default value. */
const configure = (config: Readonly<Record<string, string>>, topic?: string) =>
  withAdmin(stage.client, async (admin) => {
    const resource =
      topic === undefined
        ? { type: ConfigResourceTypes.BROKER, name: '1' }
        : { type: ConfigResourceTypes.TOPIC, name: topic };
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
    await admin.alterConfigs({ validateOnly: false, resources: [{ ...resource, configEntries }] });
    // The controller has a change before the broker reports it.
    const isTold = async () => {
      const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [resource] });
      const told = new Map(resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]));
      return Object.entries(config).every(([name, value]) => told.get(name) === value);
    };
    await vi.waitUntil(isTold, { timeout: 20_000, interval: 50 });
  });

const deleteTopics = async (names: readonly string[] = topicNames) => {
  const isThere = async () => (await stage.kafka.cluster.admin.missingTopics()).length < names.length;
  await withAdmin(stage.client, (admin) => admin.deleteTopics({ topics: [...names] }));
  await vi.waitUntil(async () => !(await isThere()), { timeout: 20_000, interval: 50 });
};

const remake = async (topic: string, options: TestTopic) => {
  await deleteTopics([topic]);
  const isMade = () =>
    makeTopic(stage.client, topic, options).then(
      () => true,
      () => false,
    );
  await vi.waitUntil(isMade, { timeout: 20_000, interval: 100 });
};

const open = async (options: PlatformOptions = {}) => {
  const lines: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
  await using platform = openPlatform({ ...stage.context, log }, options);
  const failure = await platform.kafka().then(
    () => null,
    (error: unknown) => error,
  );
  return { failure, log: lines.join('') };
};

const countOf = async (topic: string): Promise<number> => {
  let count = 0;
  await readTopic(stage.client, topic, () => {
    count += 1;
  });
  return count;
};

/** TMDb's answer about a movie, with the fields that the loader reads. */
const rawMovie = (movieId: number) => ({
  movieId,
  sourceUrl: `https://api.themoviedb.org/3/movie/${movieId}`,
  httpStatus: 200,
  fetchedAt: new Date(),
  body: Buffer.from(JSON.stringify({ id: movieId })),
});

const ours = () => topicSettingsOf(stage.context.config);
const good = {
  ...{
    'cleanup.policy': 'delete',
    'retention.ms': '12960000000',
    'segment.ms': '86400000',
    'max.message.bytes': '8000000',
  },
  'message.timestamp.after.max.ms': '3600000',
};
const rows: readonly (readonly [string, string, string, 'refuse' | 'warn'])[] = [
  [topics.rawMovies.name, 'cleanup.policy', 'compact', 'refuse'],
  [topics.rawGenres.name, 'cleanup.policy', 'compact,delete', 'refuse'],
  [topics.deadLetters.name, 'cleanup.policy', 'compact', 'refuse'],
  [topics.movieIds.name, 'cleanup.policy', 'delete', 'refuse'],
  [topics.rawMovies.name, 'retention.ms', '86400000', 'refuse'],
  [topics.rawMovies.name, 'retention.ms', '864000000', 'warn'],
  [topics.rawMovies.name, 'retention.bytes', '1000000', 'refuse'],
  [topics.rawMovies.name, 'max.message.bytes', '1500', 'refuse'],
  [topics.deadLetters.name, 'max.message.bytes', '7000000', 'refuse'],
  [topics.rawMovies.name, 'min.insync.replicas', '2', 'refuse'],
  [topics.movieIds.name, 'message.timestamp.type', 'LogAppendTime', 'warn'],
];

describe('existing topics', () => {
  it.each(casesOf(rows))(
    '[R82] %s with %s=%s: %s, and corrected without another change',
    async (topic, setting, value, verdict) => {
      const beside =
        topic === topics.movieIds.name ? { 'cleanup.policy': 'compact', 'max.compaction.lag.ms': '86400000' } : good;
      await configure({ ...beside, 'segment.bytes': '12345678', [setting]: value }, topic);
      const { failure, log } = await open();
      expect(log).toContain(`"setting":"${setting}"`);
      if (verdict === 'warn') expect(failure).toBeNull();
      else {
        expect(failure).toMatchObject({ name: 'PreconditionError', exitCode: 2, retriable: false });
        expect(String(failure)).toContain(`${topic}: ${setting} is ${value}, expected `);
        expect(String(failure)).toContain('topics --apply');
        // Read-only commands are not refused.
        expect((await open({ topics: 'look' })).failure).toBeNull();
      }
      const { admin } = stage.kafka.cluster;
      await admin.applyFixes(await admin.examineTopics(ours()));
      const left = await admin.examineTopics(ours());
      expect(left).toEqual([]);
      const { resources } = await withAdmin(stage.client, (raw) =>
        raw.describeConfigs({ includeSynonyms: false, resources: [{ type: ConfigResourceTypes.TOPIC, name: topic }] }),
      );
      const entries = resources[0]?.configEntries ?? [];
      expect(entries.find(({ configName }) => configName === 'segment.bytes')?.configValue).toBe('12345678');
      expect((await open()).failure).toBeNull();
    },
  );

  it('[R82] are checked against the defaults of the broker if they have no settings of their own', async () => {
    await remake(topics.rawMovies.name, { partitions: 2 });
    await configure({ 'log.retention.ms': '3600000' });
    try {
      await vi.waitUntil(async () => (await open()).failure !== null, { timeout: 20_000 });
      expect(String((await open()).failure)).toContain(`${topics.rawMovies.name}: retention.ms is 3600000`);
    } finally {
      await configure({});
    }
  });

  it('[R82] get missing partitions, except the ids topic, whose keys cannot move', async () => {
    await remake(topics.rawMovies.name, { partitions: 1, config: good });
    await remake(topics.movieIds.name, {
      partitions: 1,
      config: { 'cleanup.policy': 'compact', 'max.message.bytes': '8000000' },
    });
    const { failure, log } = await open();
    expect(failure).toBeNull();
    expect(log).toContain('KAFKA_PARTITIONS');
    const { admin } = stage.kafka.cluster;
    await admin.applyFixes(await admin.examineTopics(ours()));
    expect(await admin.examineTopics(ours())).toMatchObject([
      { topic: topics.movieIds.name, setting: 'partitions', actual: '1' },
    ]);
  });
});

describe('the command topics', () => {
  it('[R82] shows topics without changing them; with --apply it creates and corrects them, and reports it', async () => {
    await deleteTopics();
    const looked = await stage.run(['topics']);
    expect(looked).toMatchObject({ code: ExitCode.partial });
    expect(looked.stdout).toContain(`MISSING  ${topics.rawMovies.name}`);
    expect(await stage.kafka.cluster.admin.missingTopics()).toEqual(topicNames);

    const applied = await stage.run(['topics', '--apply', '--json']);
    expect(applied, applied.stderr).toMatchObject({ code: 0 });
    expect(JSON.parse(applied.stdout)).toMatchObject({ created: topicNames, missing: [], findings: [] });

    await configure({ ...good, 'cleanup.policy': 'compact' }, topics.rawMovies.name);
    const shown = await stage.run(['topics']);
    expect(shown).toMatchObject({ code: ExitCode.partial });
    expect(shown.stdout).toContain(`WRONG    ${topics.rawMovies.name}: cleanup.policy is compact, expected delete`);
    const corrected = await stage.run(['topics', '--apply']);
    expect(corrected).toMatchObject({ code: 0 });
    expect(corrected.stdout).toContain(`changed  ${topics.rawMovies.name}: cleanup.policy from compact to delete`);
  });
});

describe('a raw topic that is, or was, compacted', () => {
  it('[R83] is refused at the start, and afterwards lost records are reported as a gap', {
    tags: ['full'],
  }, async () => {
    const compacting = { 'segment.ms': '1000', 'min.cleanable.dirty.ratio': '0.001' };
    await remake(topics.rawMovies.name, {
      partitions: 2,
      config: { ...good, ...compacting, 'cleanup.policy': 'compact' },
    });
    const writeAt = (agoMs: number, movieIds: readonly number[]) =>
      writeMessages(
        stage.client,
        topics.rawMovies.name,
        movieIds.map((movieId) => ({
          key: String(movieId),
          value: rawMovieCodec.encode(rawMovie(movieId)),
          partition: 0,
          timestamp: String(Date.now() - agoMs),
        })),
      );
    await writeAt(60_000, [1, 2, 3, 4, 5]);
    await writeAt(50_000, [2, 4, 5]);
    await writeAt(40_000, [4, 5]);
    await writeAt(30_000, [6]);
    const refused = await stage.run(['load', '--once']);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain(`${topics.rawMovies.name}: cleanup.policy is compact, expected delete`);
    await vi.waitUntil(async () => (await countOf(topics.rawMovies.name)) < 11, { timeout: 60_000, interval: 500 });

    expect(await stage.run(['topics', '--apply'])).toMatchObject({ code: 0 });
    const gap = await stage.run(['load', '--once']);
    expect(gap).toMatchObject({ code: 1, stdout: '' });
    expect(gap.stderr).toMatch(/tmdb\.raw-movies\/0\/\d+-\d+: \d of these offsets were never loaded/);
    const accepted = await stage.run(['load', '--once', '--json', '--accept-gap', `${topics.rawMovies.name}/0/0-10`]);
    expect(accepted, accepted.stderr).toMatchObject({ code: 0 });
    expect(JSON.parse(accepted.stdout)).toEqual({ rows: await countOf(topics.rawMovies.name), parked: 0 });
  });
});

it('[R82] are reported by doctor, one line each', { tags: ['full'] }, async () => {
  await configure(
    { ...good, 'cleanup.policy': 'compact', 'message.timestamp.type': 'LogAppendTime' },
    topics.rawMovies.name,
  );
  const findings = (await examine(stage.context)).filter(({ check }) => check === 'topics');
  expect(findings).toMatchObject([
    { verdict: 'wrong', detail: expect.stringContaining('cleanup.policy is compact') },
    { verdict: 'warn', detail: expect.stringContaining('message.timestamp.type is LogAppendTime') },
  ]);
});
