import { monitorEventLoopDelay } from 'node:perf_hooks';
import { describe, expect, it, vi } from 'vitest';
import { fetchMovies } from '../../pipeline/fetch-movies.ts';
import { GeneratedCatalogue } from '../../sandbox/catalogue-generated.ts';
import type { Sandbox } from '../../sandbox/server.ts';
import { movieIdCodec } from '../../schemas/codecs.ts';
import { type KafkaFixture, sandboxMovies } from '../support/kafka/kafka-fixture.ts';
import { goodKey, goodValue, poisons, type ReadTopicName, readTopics } from '../support/kafka/poisons.ts';
import { produceRaw, rawBatchOf } from '../support/kafka/raw-batches.ts';
import { shareFixture } from '../support/kafka/shared-fixture.ts';
import { topics } from '../support/kafka/topics.ts';

/** The time limit of a poison. The test prints how long each one takes. */
const timeout = 60_000;

const catalogue = new GeneratedCatalogue({ seed: 1, movies: sandboxMovies });

describe('topics that contain every poison', () => {
  let fixture: KafkaFixture;
  let sandbox: Sandbox;
  /** Batches by poison and topic. They are made before anything runs, because making them takes longer than reading them. */
  const made = new Map<string, readonly Buffer[]>();
  /** The number of movies used so far, by rank: each is used once. */
  let used = 0;
  const nextMovie = () => catalogue.idAtRank(used++);

  shareFixture(async (...opened) => {
    [fixture, sandbox] = opened;
    await fixture.recreate();
    for (const poison of poisons) {
      for (const topic of poison.topics ?? readTopics) {
        made.set(`${poison.name}/${topic}`, await poison.batches(topic, nextMovie()));
      }
    }
  });

  const asTmdb = () => ({ TMDB_BASE_URL: sandbox.url, TMDB_RATE_LIMIT: '1000/1s' });

  const put = (topic: ReadTopicName, batch: Buffer, partition = 0) =>
    produceRaw(fixture.proxy.address, topic, partition, batch);

  /** Writes one good record to each topic. Each becomes a row of BRONZE: the id by a request to TMDb. */
  async function putGood(): Promise<number> {
    for (const topic of readTopics) {
      const movieId = topic === topics.movieIds.name ? nextMovie() : 1_000_000 + used++;
      await put(topic, rawBatchOf([{ key: goodKey(topic, movieId), value: goodValue(topic, movieId) }]));
    }
    return readTopics.length;
  }

  it('[R70] are read past each poison in bounded time and memory, and it is parked with its reason', {
    tags: ['full'],
  }, async () => {
    await using loader = fixture.startLoader();
    await using fetcher = fixture.start((platform, context) => fetchMovies(platform, context), asTmdb());
    const failed = Promise.race([loader.ended, fetcher.ended]).then(() => Promise.reject(new Error('a stage ended')));
    failed.catch(() => {});
    let rows = await putGood();
    const loaded = () => Promise.race([failed, vi.waitUntil(async () => (await loader.rows()) >= rows, { timeout })]);
    await loaded();
    const delay = monitorEventLoopDelay({ resolution: 10 });
    delay.enable();
    const before = process.memoryUsage.rss();
    let peak = before;
    const sampling = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage.rss());
    }, 20);
    for (const poison of poisons) {
      const since = performance.now();
      for (const topic of poison.topics ?? readTopics) {
        for (const batch of made.get(`${poison.name}/${topic}`) ?? []) await put(topic, batch);
      }
      const written = performance.now();
      rows += await putGood();
      await loaded();
      const [write, read] = [written - since, performance.now() - written].map((ms) => (ms / 1_000).toFixed(1));
      process.stdout.write(`${poison.name}: written in ${write} s, all read on after ${read} s\n`);
    }
    clearInterval(sampling);
    delay.disable();
    process.stdout.write(
      `event loop held up for ${Math.round(delay.max / 1e6)} ms at most; memory grew by ${Math.round((peak - before) / 1e6)} MB\n`,
    );
    await Promise.all([loader.stop(), fetcher.stop()]);
    const reasons = new Map<string, number>();
    // A record may be delivered and parked twice: that is one letter.
    for (const [id, reason] of new Map(await fixture.deadLetters())) {
      const name = `${id.split('/')[0]} ${reason}`;
      reasons.set(name, (reasons.get(name) ?? 0) + 1);
    }
    const expected = new Map<string, number>();
    for (const { topics: where = readTopics, reason, letters } of poisons) {
      for (const topic of where) {
        expected.set(`${topic} ${reason}`, (expected.get(`${topic} ${reason}`) ?? 0) + letters);
      }
    }
    expect(reasons).toEqual(expected);
    expect(await fixture.audit()).toMatchObject({ bronzeRows: rows });
    // kafkajs alone takes more than an hour, and 1.5 GB.
    expect(delay.max / 1e6).toBeLessThan(5_000);
    expect(peak - before).toBeLessThan(1_000_000_000);
  });

  it('[R72] are read from all partitions at once, with bounded decompression', {
    tags: ['full'],
  }, async () => {
    const bomb = made.get('a gzip record of 20 MB of zeros/tmdb.raw-movies')?.[0] ?? Buffer.alloc(0);
    const bombs = 10;
    const lettersBefore = new Map(await fixture.deadLetters()).size;
    const before = process.memoryUsage.rss();
    let peak = before;
    const sampling = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage.rss());
    }, 10);
    await Promise.all(
      [0, 1].flatMap((partition) =>
        readTopics.flatMap((topic) => Array.from({ length: bombs }, () => put(topic, bomb, partition))),
      ),
    );
    await fixture.fetchOnce(sandbox);
    await fixture.loadOnce();
    // A record may be delivered and parked twice: that is one letter.
    const letters = new Map(await fixture.deadLetters()).size - lettersBefore;
    expect(letters).toBe(bombs * 2 * readTopics.length);
    clearInterval(sampling);
    process.stdout.write(`memory grew by ${Math.round((peak - before) / 1e6)} MB\n`);
    await fixture.audit();
    expect(peak - before).toBeLessThan(1_000_000_000);
  });

  it('[R75] are repaired by one command for each poison: intact records are sent back and count, others are refused and purged', {
    tags: ['full'],
  }, async () => {
    const whole = poisons.filter(({ heal }) => heal === 'redrive');
    const back = whole.reduce((sum, { letters, topics: where = readTopics }) => sum + letters * where.length, 0);
    const redriven = await fixture.cli(['dead-letters', 'redrive', '--all', '--json']);
    const { refused, ...result } = JSON.parse(redriven.stdout);
    expect(result).toEqual({ isDryRun: false, redriven: back, simulated: [] });
    for (const { why } of refused) expect(why).toMatch(/is in Kafka at tmdb\.[\w-]+\/\d\/\d+ until its retention ends/);
    await fixture.fetchOnce(sandbox);
    expect(await fixture.loadOnce()).toMatchObject({ parked: 0 });
    const purged = await fixture.cli(['dead-letters', 'purge', '--all', '--yes', '--json']);
    expect(purged.code, purged.stderr).toBe(0);
    expect(JSON.parse(purged.stdout).letters).toHaveLength(refused.length);
    const listed = await fixture.cli(['dead-letters', 'list', '--json']);
    expect(JSON.parse(listed.stdout)).toEqual({ letters: [] });
    await fixture.audit();
  });

  it('do not prevent reading the list of dead letters or the memory of the producers', {
    tags: ['full'],
  }, async () => {
    for (const { name } of poisons) {
      for (const batch of made.get(`${name}/${topics.movieIds.name}`) ?? []) {
        await produceRaw(fixture.proxy.address, topics.deadLetters.name, 0, batch);
      }
    }
    const listed = await fixture.cli(['dead-letters', 'list', '--json']);
    expect(listed.code, listed.stderr).toBe(0);
    const walked = await fixture.cli(['produce', 'popular', '--pages', '1', '--json'], asTmdb());
    expect(walked.code, walked.stderr).toBe(0);
  });
});

describe('a topic that Kafka compresses', () => {
  let fixture: KafkaFixture;
  let sandbox: Sandbox;
  shareFixture((...opened) => {
    [fixture, sandbox] = opened;
  });

  it.each(['zstd', 'gzip', 'snappy', 'lz4'])(
    '[R73] with %s is fetched and loaded like any other',
    { tags: ['full'] },
    async (type) => {
      await fixture.recreate();
      const settings = { 'compression.type': type, 'max.message.bytes': '8000000' };
      await fixture.configure(topics.movieIds.name, { ...settings, 'cleanup.policy': 'compact' });
      await fixture.configure(topics.rawMovies.name, settings);
      await fixture.configure(topics.rawGenres.name, settings);
      await fixture.publishIds(20);
      await fixture.publish(20, { from: 1_000_000, bytes: 30_000 });
      await fixture.write(topics.rawGenres.name, [{ key: 'en', value: goodValue(topics.rawGenres.name, 1) }]);
      expect(await fixture.fetchOnce(sandbox)).toMatchObject({ fetched: 20, parked: 0 });
      expect(await fixture.loadOnce()).toEqual({ rows: 41, parked: 0 });
      expect(await fixture.audit()).toMatchObject({ bronzeRows: 41 });
    },
  );

  it('[R74] skips any record that a person names without processing it, and sends it back on request', async () => {
    await fixture.recreate(1);
    await fixture.publish(5);
    await fixture.publish(5, { from: 5 });
    await fixture.write(
      topics.movieIds.name,
      [0, 1].map((rank) => {
        const movieId = catalogue.idAtRank(rank);
        const value = { movieId, reason: 'manual', page: null, rank: null, requestedAt: new Date() } as const;
        return { key: String(movieId), value: movieIdCodec.encode(value) };
      }),
    );
    const skip = {
      KAFKA_SKIP_OFFSETS: `${topics.rawMovies.name}/0/2,${topics.rawMovies.name}/0/5-5,${topics.movieIds.name}/0/1`,
      ...{ TMDB_BASE_URL: sandbox.url, TMDB_RATE_LIMIT: '1000/1s' },
    };
    const loaded = await fixture.cli(['load', '--once', '--json'], skip);
    expect(JSON.parse(loaded.stdout)).toEqual({ rows: 4, parked: 2 });
    const fetched = await fixture.cli(['fetch', '--once', '--json'], skip);
    expect(JSON.parse(fetched.stdout)).toMatchObject({ fetched: 1, parked: 1 });
    expect(await fixture.deadLetters()).toEqual([
      [`${topics.movieIds.name}/0/1`, 'undecodable_record'],
      [`${topics.rawMovies.name}/0/2`, 'undecodable_record'],
      [`${topics.rawMovies.name}/0/5`, 'unreadable_batch'],
    ]);
    await fixture.loadOnce();
    await fixture.audit();
    const redriven = await fixture.cli(['dead-letters', 'redrive', '--reason', 'undecodable_record', '--json']);
    expect(JSON.parse(redriven.stdout)).toMatchObject({ redriven: 2, refused: [] });
    expect(await fixture.fetchOnce(sandbox)).toMatchObject({ fetched: 1 });
    expect(await fixture.loadOnce()).toEqual({ rows: 2, parked: 0 });
    await fixture.audit();
  });
});
