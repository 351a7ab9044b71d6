import type { Message } from 'kafkajs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createAdmin } from '../../kafka/admin.ts';
import type { Kafka } from '../../kafka/client.ts';
import { loadBronze } from '../../pipeline/stages.ts';
import type { Status } from '../../pipeline/status.ts';
import { openPlatform } from '../../platform/platform.ts';
import { rawMovieCodec } from '../../schemas/codecs.ts';
import { testKafka, uniqueName, writeMessages } from '../support/kafka/broker.ts';
import { plainClient } from '../support/kafka/client.ts';
import { Deployment } from '../support/kafka/deployment.ts';
import { rawMovie } from '../support/kafka/kafka-fixture.ts';
import { mirrorTopic } from '../support/kafka/mirror.ts';
import { OwnKafka } from '../support/kafka/own-kafka.ts';
import { duckDbOf } from '../support/warehouse/duckdb-of.ts';
import { runSql } from '../support/warehouse/warehouse-contents.ts';

describe('a cluster that mirrors the one from which BRONZE was loaded', () => {
  const old = testKafka();
  let mirrorBroker: OwnKafka;
  let mirror: Kafka;
  let brokers: string;
  beforeAll(async () => {
    mirrorBroker = await OwnKafka.start();
    brokers = mirrorBroker.brokers.join();
    mirror = plainClient(mirrorBroker.brokers);
  });
  afterAll(() => mirrorBroker[Symbol.asyncDispose]());

  let before: Deployment;
  let after: Deployment;
  let topic: string;
  beforeEach(async () => {
    const prefix = `${uniqueName('moved')}.`;
    before = await Deployment.open(prefix, 5);
    const { duckdbPath } = duckDbOf(before.context.config);
    after = await Deployment.open(prefix, 5, { env: { KAFKA_BROKERS: brokers, DUCKDB_PATH: duckdbPath } });
    topic = before.context.config.kafka.topics.rawMovies.name;
    await before.ingest();
    await after.createTopics();
    return async () => {
      await before[Symbol.asyncDispose]();
      await after[Symbol.asyncDispose]();
    };
  });

  const ends = async (kafka: Kafka) => {
    await using admin = createAdmin(kafka);
    return (await admin.topicOffsets(topic)).high;
  };
  const adopt = (...more: readonly string[]) => after.run('warehouse', 'adopt-cluster', '--json', ...more);
  const expectRefused = async (reason: RegExp) => {
    const { code, stderr } = await adopt();
    expect(stderr).toMatch(reason);
    expect(code).toBe(2);
    expect(await before.load()).toBe(0);
  };

  it('[R176] is adopted with its offsets: no row is loaded twice, and a rebuild has each answer once', async () => {
    const movies = await before.movies();
    await mirrorTopic(old, mirror, topic);
    expect(await ends(mirror)).toEqual(await ends(old));
    const dryRun = await adopt('--dry-run');
    expect(dryRun.code, dryRun.stderr).toBe(0);
    const adopted = await adopt();
    expect(adopted.code, adopted.stderr).toBe(0);
    const { partitions } = JSON.parse(adopted.stdout) as {
      readonly partitions: readonly { readonly compared: number; readonly documents: number }[];
    };
    expect(partitions.reduce((sum, { compared }) => sum + compared, 0)).toBe(movies.length);
    expect(partitions.some(({ documents }) => documents > 0)).toBe(true);

    expect(await after.load()).toBe(0);
    await writeMessages(mirror, topic, [{ key: '7', value: rawMovieCodec.encode(rawMovie(7)) }]);
    expect(await after.load()).toBe(1);
    expect(await after.movies()).toEqual([...movies, 7].toSorted((a, b) => a - b));
    const rebuilt = await after.run('replay', 'raw', '--all', '--rebuild', '--json');
    expect(rebuilt.code, rebuilt.stderr).toBe(0);
    expect(JSON.parse(rebuilt.stdout).swap).toMatchObject({
      rows: movies.length + 1,
      same: movies.length + 1,
      repeated: 0,
      retained: 0,
    });
    expect((await adopt()).stderr).toContain('there is nothing to adopt');
  });

  it('[R183] leaves no way to load the former cluster again, for loaders that run, start, or replay', async () => {
    const movies = await before.movies();
    await mirrorTopic(old, mirror, topic);
    await using platform = openPlatform(before.context);
    const running = loadBronze(platform, before.context);
    const ended = running.then(
      () => null,
      (error) => String(error),
    );
    const adopted = await adopt();
    expect(adopted.code, adopted.stderr).toBe(0);

    const left = /BRONZE continues \S+raw-movies on the cluster that has replaced/;
    await writeMessages(old, topic, [{ key: '8', value: rawMovieCodec.encode(rawMovie(8)) }]);
    expect(await ended).toMatch(left);
    for (const args of [
      ['load', '--once'],
      ['replay', 'raw', '--all'],
      ['replay', 'raw', '--all', '--rebuild'],
    ]) {
      const { code, stderr } = await before.run(...args);
      expect(stderr, args.join(' ')).toMatch(left);
      expect(code, args.join(' ')).toBe(2);
    }
    expect(await before.movies()).toEqual(movies);
  });

  it('[R188] leaves the former cluster with a status of all topics, in which only the lag of the loader is unknown', async () => {
    await mirrorTopic(old, mirror, topic);
    const adopted = await adopt();
    expect(adopted.code, adopted.stderr).toBe(0);
    const { code, stdout } = await before.run('status', '--json');
    expect(code).toBe(5);
    const { topics, errors } = JSON.parse(stdout) as Status;
    const waiting = topics?.map(({ topic: name, ...lag }) => [name.replace(/^.*tmdb\./, ''), lag.records, lag.waiting]);
    expect(waiting).toContainEqual(['raw-movies', expect.any(Number), null]);
    expect(waiting).toContainEqual(['movie-ids', expect.any(Number), 0]);
    expect(topics?.find(({ topic: name }) => name === topic)?.records).toBeGreaterThan(0);
    const message = expect.stringMatching(/^BRONZE continues \S+raw-movies on the cluster that has replaced/);
    expect(errors).toEqual([{ part: 'topics', message }]);
  });

  it('[R176] is compared with the newest topic of the name, although a purge has given an older one higher numbers', async () => {
    await mirrorTopic(old, mirror, topic);
    const { duckdbPath } = duckDbOf(before.context.config);
    await runSql(
      duckdbPath,
      `insert into bronze.load_batches select * replace (load_seq + 1000 as load_seq, 'deleted' as topic_id,
         loaded_at - interval 1 day as loaded_at) from bronze.load_batches where topic = '${topic}'`,
    );
    const { code, stdout, stderr } = await adopt('--dry-run');
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout).partitions).toContainEqual(expect.objectContaining({ topic }));
  });

  it.each<[string, (messages: readonly Message[]) => readonly Message[], RegExp]>([
    [
      'moved offsets',
      (messages) => messages.slice(1),
      /BRONZE has this record at offset 1\. The mirror has moved the offsets/,
    ],
    ['a changed answer', (messages) => messages.with(3, answerLike(messages[3])), /\/3: BRONZE has another record/],
    [
      'a changed document',
      (messages) => messages.with(0, answerLike(messages[0], true)),
      /\/0: BRONZE has another document/,
    ],
    ['no last record', (messages) => messages.slice(0, -1), /wait until the mirror has all records/],
  ])('[R177] is not adopted with %s, and BRONZE stays as it is', async (_, change, reason) => {
    await mirrorTopic(old, mirror, topic, change);
    await expectRefused(reason);
  });

  it('[R177] is not adopted after a loader has begun it', async () => {
    await mirrorTopic(old, mirror, topic);
    expect(await after.load()).toBeGreaterThan(0);
    await expectRefused(/a loader has begun it from its first record/);
  });
});

/** Another answer about the same movie. @param isSameAnswer only the document differs. */
function answerLike(message: Message | undefined, isSameAnswer = false): Message {
  const movie = rawMovieCodec.decode(message?.value as Buffer);
  const changed = isSameAnswer
    ? { ...movie, body: Buffer.from(`{"id":${movie.movieId}}`) }
    : { ...movie, fetchedAt: new Date(movie.fetchedAt.getTime() + 1) };
  return { ...message, value: rawMovieCodec.encode(changed) };
}
