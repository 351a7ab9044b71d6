import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Partitioners } from 'kafkajs';
import { describe, expect, it, vi } from 'vitest';
import { readTopic } from '../../kafka/read-topic.ts';
import { maxRecordBytesOf } from '../../kafka/topic-settings.ts';
import { type Sandbox, startSandbox } from '../../sandbox/server.ts';
import { movieIdCodec, rawMovieCodec } from '../../schemas/codecs.ts';
import { audit } from '../support/audit/audit.ts';
import { commitAs, deleteRecords, withAdmin } from '../support/kafka/broker.ts';
import { type KafkaFixture, type RunningStage, rawMovie } from '../support/kafka/kafka-fixture.ts';
import { errorCode, loseAnswersToWrites, refuseCommits, setProducerQuota } from '../support/kafka/kafka-protocol.ts';
import { shareFixture } from '../support/kafka/shared-fixture.ts';
import { groups, topics } from '../support/kafka/topics.ts';
import { Fleet, FleetBroker, until } from '../support/processes/fleet.ts';
import { SupervisedService } from '../support/processes/supervised-service.ts';
import { SmallDisk } from '../support/warehouse/warehouse-disk.ts';
import { casesOf, isLongForm } from '../tiers.ts';

const seconds = Number(process.env['FAULT_SECONDS'] ?? 3);

/** Quotas and the log cleaner act at once, not after some time. */
const properties = { 'quota.window.num': '2', 'log.cleaner.backoff.ms': '200', 'log.initial.task.delay.ms': '500' };

describe('a stage under faults of Kafka', () => {
  let fixture: KafkaFixture;
  let sandbox: Sandbox;

  shareFixture((...opened) => {
    [fixture, sandbox] = opened;
  }, properties);

  /** Waits until these have loaded this number of rows in total. */
  const loaded = (rows: number, ...loaders: readonly RunningStage<unknown>[]) =>
    vi.waitUntil(
      async () => (await Promise.all(loaders.map((loader) => loader.rows()))).reduce((sum, one) => sum + one) >= rows,
      { timeout: 60_000, interval: 50 },
    );

  it('[R13] loads everything once while members join and leave in the middle of batches', {
    tags: ['full'],
  }, async () => {
    await fixture.recreate();
    await using resident = fixture.startLoader();
    const loaders = [resident];
    let published = 0;
    let hasEnded = false;
    const publishAll = async () => {
      while (!hasEnded) {
        await fixture.publish(100, { from: published });
        published += 100;
        await delay(isLongForm ? 50 : 200);
      }
    };
    const comeAndGo = async () => {
      for (let guests = 0; guests < seconds + 1; guests += 1) {
        const guest = fixture.startLoader();
        loaders.push(guest);
        // It is assigned partitions, and there are always more records to load.
        await loaded(1, guest);
        await guest.stop();
      }
    };
    const publishing = publishAll();
    await comeAndGo().finally(() => {
      hasEnded = true;
    });
    await publishing;
    await loaded(published, ...loaders);
    await resident.stop();
    process.stdout.write(`${published} records, ${loaders.length - 1} members came and went\n`);
    expect(await fixture.audit()).toMatchObject({ bronzeRows: published });
    expect(loaders.length).toBeGreaterThan(3);
  });

  it('[R15] stops at records that retention deleted, names them, and continues without them only on request', {
    tags: ['full'],
  }, async () => {
    await fixture.recreate(1);
    await fixture.publish(30);
    await fixture.loadOnce();
    await fixture.publish(30, { from: 30 });
    await deleteRecords(fixture.kafka, topics.rawMovies.name, '45');
    const gap = `${topics.rawMovies.name}/0/30-44`;
    for (const args of [[], ['--accept-gap', `${topics.rawMovies.name}/0/30-43`]]) {
      const refused = await fixture.cli(['load', '--once', ...args]);
      expect(refused).toMatchObject({ code: 1, stdout: '' });
      expect(refused.stderr).toContain(`${gap}: these 15 offsets were never loaded`);
    }
    const accepted = await fixture.cli(['load', '--once', '--json', '--accept-gap', gap]);
    expect(accepted, accepted.stderr).toMatchObject({ code: 0 });
    expect(JSON.parse(accepted.stdout)).toEqual({ rows: 15, parked: 0 });
    expect(await fixture.audit()).toMatchObject({ bronzeRows: 45, rowsOfOld: 30 });
  });

  it('[R16] loads a recreated topic from its first record, even if it is longer than the old one', {
    tags: ['full'],
  }, async () => {
    await fixture.recreate(1);
    await fixture.publish(30);
    await using loader = fixture.startLoader();
    await loaded(30, loader);
    await loader.stop();
    await fixture.deleteTopics([topics.rawMovies.name]);
    await fixture.ensureTopics(1);
    await fixture.publish(50, { from: 100 });
    await fixture.loadOnce();
    expect(await fixture.audit()).toMatchObject({ bronzeRows: 80, rowsOfOld: 30 });
  });

  it.each(casesOf(['earliest', 'latest', 'deleted']))(
    '[R17] begins at the position of the ledger when the offsets of its group are %s',
    { tags: ['full'] },
    async (how) => {
      await fixture.recreate();
      await fixture.publish(40);
      await fixture.loadOnce();
      await fixture.publish(40, { from: 40 });
      if (how === 'deleted') await withAdmin(fixture.kafka, (admin) => admin.deleteGroups([groups.loader]));
      for (const [partition, end] of how === 'deleted' ? [] : await fixture.ends(topics.rawMovies.name)) {
        await commitAs(fixture.kafka, groups.loader, topics.rawMovies.name, partition, how === 'latest' ? end : 0n);
      }
      expect(await fixture.loadOnce()).toEqual({ rows: 40, parked: 0 });
      expect(await fixture.audit()).toMatchObject({ bronzeRows: 80 });
    },
  );

  it('[R18] loads partitions that are added while it runs, from their first record', async () => {
    await fixture.recreate();
    await using loader = fixture.startLoader();
    await fixture.publish(40);
    await loaded(40, loader);
    await withAdmin(fixture.kafka, (admin) =>
      admin.createPartitions({ topicPartitions: [{ topic: topics.rawMovies.name, count: 4 }] }),
    );
    await fixture.publish(40, { from: 40 });
    expect(Math.min(...[...(await fixture.ends(topics.rawMovies.name)).values()].map(Number))).toBeGreaterThan(0);
    await loaded(80, loader);
    await loader.stop();
    expect(await fixture.audit()).toMatchObject({ bronzeRows: 80 });
  });

  describe.each(casesOf(Object.entries(errorCode)))('commits refused with %s', (_, code) => {
    it('[R14] make the loader lose or repeat no row', { tags: ['full'] }, async () => {
      await fixture.recreate();
      await fixture.proxy.during(refuseCommits(code, 3), async () => {
        await using loader = fixture.startLoader();
        for (let from = 0; from < 200; from += 50) {
          await fixture.publish(50, { from });
          await delay(100);
        }
        await loaded(200, loader);
        await loader.stop();
      });
      expect(await fixture.audit()).toMatchObject({ bronzeRows: 200 });
    });

    it('[R14] make the fetcher lose or park no id', { tags: ['full'] }, async () => {
      await fixture.recreate();
      await fixture.publishIds(200);
      const outcomes = await fixture.proxy.during(refuseCommits(code, 3), () => fixture.fetchOnce(sandbox));
      expect(outcomes).toMatchObject({ parked: 0, skipped: 0 });
      await fixture.loadOnce();
      expect(await fixture.audit()).toMatchObject({ ids: 200 });
    });
  });

  it('[R110] writes each answer once when Kafka has written it and its reply is lost', async () => {
    await fixture.recreate();
    await fixture.publishIds(200);
    const outcomes = await fixture.proxy.during(loseAnswersToWrites(8), () => fixture.fetchOnce(sandbox));
    expect(outcomes).toMatchObject({ parked: 0, skipped: 0 });
    await fixture.loadOnce();
    expect(await fixture.audit()).toMatchObject({ ids: 200, rawRecords: 200 });
  });

  it('[R19] continues after offsets without a usable record: markers, aborted records, tombstones, records without a key', {
    tags: ['full'],
  }, async () => {
    await fixture.recreate(1);
    await fixture.publish(3);
    const value = rawMovieCodec.encode(rawMovie(50));
    const producer = fixture.kafka.producer({
      ...{ transactionalId: 'faults', maxInFlightRequests: 1, idempotent: true },
      createPartitioner: Partitioners.DefaultPartitioner,
    });
    await producer.connect();
    for (const outcome of ['abort', 'commit', 'abort'] as const) {
      const transaction = await producer.transaction();
      await transaction.send({ topic: topics.rawMovies.name, messages: [{ key: '50', value }] });
      await transaction[outcome]();
    }
    await producer.disconnect();
    await fixture.write(topics.rawMovies.name, [
      { key: '1', value: null },
      { key: null, value },
      { key: null, value: null },
    ]);
    // The tombstones are the last records, and the partition ends after them: the loader must not wait for more.
    expect(await fixture.loadOnce()).toEqual({ rows: 4, parked: 3 });
    expect(await fixture.audit()).toMatchObject({ bronzeRows: 4, parked: 3 });
    await fixture.publish(1, { from: 100 });
    expect(await fixture.loadOnce()).toEqual({ rows: 1, parked: 0 });
    expect(await fixture.audit()).toMatchObject({ bronzeRows: 5 });
  });

  it.runIf(isLongForm)('[R83] stops at records that compaction removed, and names them', async () => {
    await fixture.recreate(1);
    const kept = { 'retention.ms': '12960000000', 'segment.ms': '86400000', 'max.message.bytes': '8000000' };
    const compacting = { 'cleanup.policy': 'compact', 'segment.ms': '1000', 'min.cleanable.dirty.ratio': '0.001' };
    const writeAt = (agoMs: number, movieIds: readonly number[]) =>
      fixture.write(
        topics.rawMovies.name,
        movieIds.map((movieId) => {
          const value = rawMovieCodec.encode(rawMovie(movieId));
          return { key: String(movieId), value, timestamp: String(Date.now() - agoMs) };
        }),
      );
    // Older than the next records: a segment ends where the time of the records advances.
    await writeAt(70_000, [11, 12, 13]);
    await using loader = fixture.startLoader();
    await loaded(3, loader);
    // The policy changes while a loader runs. It loads the records that it reads in time.
    await fixture.configure(topics.rawMovies.name, { ...kept, ...compacting });
    // A segment ends where the time of the records jumps, and only segments before the last one are compacted.
    await writeAt(60_000, [1, 2, 3, 4, 5]);
    await loaded(8, loader);
    await loader.stop();
    await writeAt(50_000, [2, 4, 5]);
    await writeAt(40_000, [4, 5]);
    await writeAt(30_000, [6]);
    const unloaded = async () => {
      let count = 0;
      await readTopic(fixture.kafka, topics.rawMovies.name, ({ offset }) => {
        if (offset >= 8n) count += 1;
      });
      return count;
    };
    // Two of the three movies 2, 4 and 5 have newer records.
    await vi.waitUntil(async () => (await unloaded()) < 6, { timeout: 90_000, interval: 500 });
    await expect(fixture.loadOnce()).rejects.toThrow(`${topics.rawMovies.name}: cleanup.policy is compact`);
    await fixture.configure(topics.rawMovies.name, kept);
    await expect(fixture.loadOnce()).rejects.toThrow('of these offsets were never loaded and are gone from the middle');
  });

  const good = rawMovieCodec.encode(rawMovie(1));
  const goodId = movieIdCodec.encode({ movieId: 1, reason: 'manual', page: null, rank: null, requestedAt: new Date() });
  const ofAnotherVersion = (record: Buffer) =>
    Buffer.concat([record.subarray(0, 2), Buffer.alloc(8, 7), record.subarray(10)]);

  it.each(
    casesOf<[string, (record: Buffer) => Buffer]>([
      ['not Avro', () => Buffer.from('nonsense, and long enough for a header')],
      ['JSON text', () => Buffer.from('{"movieId":1,"requestedAt":"2026-01-01T00:00:00Z"}')],
      ['empty', () => Buffer.alloc(0)],
      ['of an unknown version', ofAnotherVersion],
      ['half a record', (record: Buffer) => record.subarray(0, record.length >> 1)],
      ['longer than one record', (record: Buffer) => Buffer.concat([record, record])],
    ]),
  )(
    '[R20] parks a record that is %s, in either topic, and the partition continues',
    { tags: ['full'] },
    async (_, spoil) => {
      await fixture.recreate(1);
      await fixture.publishIds(1);
      await fixture.write(topics.movieIds.name, [{ key: 'poison', value: spoil(goodId) }]);
      await fixture.publishIds(1, 1);
      expect(await fixture.fetchOnce(sandbox)).toMatchObject({ parked: 1 });
      await fixture.write(topics.rawMovies.name, [{ key: 'poison', value: spoil(good) }]);
      await fixture.publish(1);
      expect(await fixture.loadOnce()).toEqual({ rows: 3, parked: 1 });
      expect(await fixture.deadLetters()).toEqual([
        ['tmdb.movie-ids/0/1', 'undecodable_record'],
        ['tmdb.raw-movies/0/2', 'undecodable_record'],
      ]);
      expect(await fixture.audit()).toMatchObject({ ids: 3, bronzeRows: 3, parked: 2 });
    },
  );

  it('[R21] parks a movie whose document is larger than the topic accepts, and continues', async () => {
    await fixture.recreate();
    await fixture.publishIds(100);
    // No stage starts with such a topic, so the setting changes while a stage runs.
    const { parked } = await fixture.fetchOnce(sandbox, () =>
      fixture.configure(topics.rawMovies.name, { 'max.message.bytes': '2000' }),
    );
    expect(parked).toBeGreaterThan(0);
    expect(parked).toBeLessThan(100);
    expect(new Set((await fixture.deadLetters()).map(([, reason]) => reason))).toEqual(new Set(['body_too_large']));
    await fixture.configure(topics.rawMovies.name, { 'max.message.bytes': '8000000' });
    await fixture.loadOnce();
    expect(await fixture.audit()).toMatchObject({ ids: 100, parked });
  });

  it('[R21] parks a record of the maximum size, although its dead letter is larger', { tags: ['full'] }, async () => {
    await fixture.recreate(1);
    const size = maxRecordBytesOf(topics.rawMovies) - 100;
    await fixture.write(topics.rawMovies.name, [{ key: '1', value: Buffer.alloc(size, 'x') }]);
    await fixture.publish(1);
    expect(await fixture.loadOnce()).toEqual({ rows: 1, parked: 1 });
    expect(await fixture.audit()).toMatchObject({ bronzeRows: 1, parked: 1 });
  });

  it('[R24] slows down with a broker that throttles writes, and loses nothing', async () => {
    await fixture.recreate();
    await fixture.publishIds(200);
    await setProducerQuota(fixture.broker.address, 80_000);
    try {
      const started = performance.now();
      await fixture.fetchOnce(sandbox);
      const tookMs = performance.now() - started;
      process.stdout.write(`200 movies at 80 KB/s took ${(tookMs / 1_000).toFixed(1)} s\n`);
      // 340 KB, less the bytes that the broker accepts before it measures.
      expect(tookMs).toBeGreaterThan(1_500);
    } finally {
      await setProducerQuota(fixture.broker.address, null);
    }
    await fixture.loadOnce();
    expect(await fixture.audit()).toMatchObject({ ids: 200, parked: 0 });
  });
});

it.runIf(isLongForm && SmallDisk.isPossible())(
  'a full disk ends the broker; after space is freed, nothing is lost',
  async () => {
    using disk = new SmallDisk(64);
    const kafkaDir = join(disk.path, 'kafka');
    await using sandbox = await startSandbox({ movies: 10_000, limit: null });
    await using broker = await FleetBroker.start(kafkaDir, { properties: { 'log.index.size.max.bytes': '4096' } });
    const settings = {
      ...{ DATA_DIR: disk.path, DUCKDB_PATH: join(disk.path, 'x.duckdb'), KAFKA_BROKERS: broker.address },
      ...{ TMDB_BASE_URL: sandbox.url, TMDB_TOKEN: 'any', TMDB_RATE_LIMIT: '400/1s', KAFKA_SESSION_TIMEOUT: '2s' },
    };
    await using fleet = new Fleet(settings);
    const walk = fleet.start('walk', ['produce', 'popular', '--pages', '100']);
    expect(await walk.exited).toBe(0);
    const { bavail, bsize } = statfsSync(disk.path);
    const ballast = join(disk.path, 'ballast');
    writeFileSync(ballast, Buffer.alloc(bavail * bsize - 500_000));
    const fetcher = new SupervisedService(fleet, 'fetcher', ['fetch']);
    await until('the broker has ended', async () => !broker.isRunning, { timeoutMs: 60_000 });
    rmSync(ballast);
    await broker.stop();
    await broker.start();
    const loader = new SupervisedService(fleet, 'loader', ['load']);
    const place = { dataDir: disk.path, duckdbPath: join(disk.path, 'x.duckdb') };
    const audited = () => audit(place, { brokers: [broker.address], onlyBronze: true });
    await vi.waitFor(audited, { timeout: 120_000, interval: 1_000 });
    expect(await Promise.all([fetcher.end(), loader.end()])).toEqual([0, 0]);
    expect(await audited()).toMatchObject({ ids: 2_000 });
  },
);
