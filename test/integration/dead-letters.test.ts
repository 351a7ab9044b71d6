import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { closingOf, deadLetterOf } from '../../consumers/dead-letter.ts';
import { runLoader } from '../../consumers/loader.ts';
import { redrive } from '../../dead-letters/redrive.ts';
import { type Letter, readLetters } from '../../dead-letters/store.ts';
import { summarizeOpenLetters } from '../../dead-letters/summary.ts';
import type { KafkaCluster } from '../../kafka/cluster.ts';
import { readTopic } from '../../kafka/read-topic.ts';
import type { ConsumerRecord, Headers } from '../../kafka/topic.ts';
import { endsOf, loadBronze } from '../../pipeline/stages.ts';
import { systemClock } from '../../runtime/clock.ts';
import { ExitCode } from '../../runtime/errors.ts';
import { type Codec, DecodeError } from '../../schemas/codec.ts';
import { movieIdCodec, rawGenresCodec, rawMovieCodec } from '../../schemas/codecs.ts';
import { headersOf } from '../../schemas/movie-request.ts';
import type { DeadLetter, RawMovie } from '../../schemas/records.ts';
import { openDuckDbReader } from '../../warehouse/duckdb/reader.ts';
import { openDuckDbWarehouse } from '../../warehouse/duckdb/warehouse.ts';
import { silent, writeMessages } from '../support/kafka/broker.ts';
import { OwnKafka, type Stage } from '../support/kafka/own-kafka.ts';
import { topicNames, topics } from '../support/kafka/topics.ts';
import { duckDbOf } from '../support/warehouse/duckdb-of.ts';
import { casesOf } from '../tiers.ts';

let broker: OwnKafka;
let stage: Stage;
beforeAll(async () => {
  broker = await OwnKafka.start();
});
afterAll(() => broker[Symbol.asyncDispose]());
beforeEach(async () => {
  stage = await broker.begin();
});
afterEach(() => stage[Symbol.asyncDispose]());

const never = new AbortController().signal;

const rawMovie = (movieId: number, body = JSON.stringify({ id: movieId, title: 'Fargo' })): Buffer =>
  rawMovieCodec.encode({
    movieId,
    sourceUrl: `https://api.themoviedb.org/3/movie/${movieId}`,
    httpStatus: 200,
    fetchedAt: new Date(),
    body: Buffer.from(body),
  });

const movieId = (id: number): Buffer =>
  movieIdCodec.encode({ movieId: id, reason: 'popular', page: 1, rank: 1, requestedAt: new Date() });

const write = (topic: string, key: string, value: Buffer, partition = 0) =>
  writeMessages(stage.client, topic, [{ key, value, partition }]);

const read = async (topic: string): Promise<ConsumerRecord[]> => {
  const records: ConsumerRecord[] = [];
  await readTopic(stage.client, topic, (record) => records.push(record));
  return records;
};

/** Loads BRONZE as `load --once` does. @returns its counts. */
const load = async () => loadBronze(stage.platform, stage.context, { until: Promise.resolve(await ends()) });
const ends = () => endsOf(stage.platform, [topics.rawMovies, topics.rawGenres]);

const minute = 60_000;
const maxAnswerAgeMs = 29 * 24 * 60 * minute;

it.each(topicNames)(
  '%s accepts no record whose timestamp is more than an hour ahead, and accepts old ones',
  async (topic) => {
    const at = (ms: number) =>
      writeMessages(stage.client, topic, [{ key: '1', value: 'x', partition: 0, timestamp: String(Date.now() + ms) }]);
    await expect(at(61 * minute)).rejects.toMatchObject({ type: 'INVALID_TIMESTAMP' });
    await at(50 * minute);
    await at(-200 * 24 * 60 * minute);
  },
);

const letters = () => readLetters(stage.kafka.cluster, silent);
const openIds = async () => (await letters()).flatMap(({ id, isOpen }) => (isOpen ? id : []));

interface Origin {
  readonly origin: string;
  readonly offset: number;
  readonly headers?: Headers;
}

/** Parks records as a consumer does, with invented offsets. */
const park = (records: readonly (Partial<DeadLetter> & Origin)[]) =>
  stage.kafka.cluster.sink(topics.deadLetters).publish(
    records.map(({ origin: topic, offset, headers = {}, ...changed }) => {
      const key = Buffer.from(String(offset));
      const parked = { topic, partition: 0, offset: BigInt(offset), timestamp: systemClock.now(), key, headers };
      const failure = { reason: 'undecodable_record', message: 'no', attempts: 1 } as const;
      const letter = deadLetterOf({ ...parked, value: rawMovie(offset) }, failure, new Date());
      return { ...letter, value: { ...letter.value, ...changed } };
    }),
  );

const redriveAll = async (kafka: KafkaCluster = stage.kafka.cluster, maxReplays = 3) => {
  const open = (await letters()).filter(({ isOpen }) => isOpen);
  return redrive({ kafka, onProgress: () => {} }, open, { maxReplays, maxAnswerAgeMs, signal: never });
};

/** Always fails after this number of `publish` calls for a topic. For the records sent before, this equals a kill. */
const dyingAfter = (calls: number, dying: (topic: string) => boolean): KafkaCluster => {
  let left = calls;
  return {
    ...stage.kafka.cluster,
    sink: (topic) => {
      const sink = stage.kafka.cluster.sink(topic);
      return {
        publish: async (records) => {
          if (dying(topic.name)) left -= 1;
          if (left < 0) throw new Error('killed');
          await sink.publish(records);
        },
        [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
      };
    },
  };
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: these characters must not occur
const steering = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/;

describe('redrive', () => {
  it('[R151] sends back no answer that Kafka would then keep for too long, and names the command that gets a newer one', async () => {
    const originTimestamp = new Date(Date.now() - maxAnswerAgeMs - minute);
    await park([
      { origin: topics.rawMovies.name, offset: 1, originTimestamp },
      { origin: topics.rawMovies.name, offset: 2 },
      { origin: topics.movieIds.name, offset: 3, originTimestamp },
    ]);
    const { redriven, refused } = await redriveAll();
    expect(redriven).toBe(2);
    expect(refused).toEqual([
      { id: 'tmdb.raw-movies/0/1', why: expect.stringContaining('run "replay ids --movie 1" and "fetch"') },
    ]);
  });

  it('[R180] sends a record back with its request, which is then in BRONZE', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const request = { requestedAt: new Date(Date.UTC(2026, 4, 1)), reason: 'changed', traceparent };
    await park([{ origin: topics.rawMovies.name, offset: 1, headers: headersOf(request) }]);
    await redriveAll();
    await load();
    const { duckdbPath: path, lockWaitMs } = duckDbOf(stage.context.config);
    await using reader = await openDuckDbReader({ path, lockWaitMs, clock: systemClock });
    expect(await reader.query('select requested_at, reason, traceparent from bronze.raw_movies')).toEqual([
      { requested_at: expect.stringContaining('2026-05-01'), reason: 'changed', traceparent },
    ]);
  });

  it('[P10] shows in a dry run that a codec is fixed, and then sends a parked record back, which is loaded exactly once', async () => {
    await write(topics.rawMovies.name, '7', rawMovie(7));
    await write(topics.rawMovies.name, '8', rawMovie(8), 1);
    await loadWith({ ...rawMovieCodec, decode: (bytes) => brokenFor(7, rawMovieCodec.decode(bytes)) });
    expect(await openIds()).toEqual(['tmdb.raw-movies/0/0']);

    const before = await stage.ends();
    const dryRun = await stage.run(['dead-letters', 'redrive', '--all', '--dry-run', '--json']);
    expect(dryRun).toMatchObject({ code: 0 });
    expect(JSON.parse(dryRun.stdout).simulated).toEqual([{ id: 'tmdb.raw-movies/0/0', outcome: 'load' }]);
    expect(await summarizeOpenLetters(stage.kafka.cluster, silent, { maxAnswerAgeMs, signal: never })).toEqual([
      expect.objectContaining({ topic: topics.rawMovies.name, open: 1, outcomes: { load: 1 }, notSimulated: 0 }),
    ]);
    expect(await stage.ends()).toEqual(before);

    expect(await stage.run(['dead-letters', 'redrive', '--id', '7'])).toMatchObject({ code: 0 });
    expect(await openIds()).toEqual([]);
    expect(await load()).toEqual({ rows: 1, parked: 0 });
    expect(await bronze()).toEqual([
      { movie_id: 7, title: 'Fargo' },
      { movie_id: 8, title: 'Fargo' },
    ]);
  });

  it('[R187] leaves one row of a record that a replay makes a row of too, before or after it is sent back', async () => {
    const breaking = (broken: number) => ({
      ...rawMovieCodec,
      decode: (bytes: Buffer) => brokenFor(broken, rawMovieCodec.decode(bytes)),
    });
    const rebuild = async () => {
      const { code, stdout, stderr } = await stage.run(['replay', 'raw', '--all', '--rebuild', '--json']);
      expect(code, stderr).toBe(0);
      return JSON.parse(stdout).swap;
    };
    await write(topics.rawMovies.name, '7', rawMovie(7));
    await loadWith(breaking(7));
    expect(await rebuild()).toMatchObject({ rows: 1, recovered: 1 });
    await redriveAll();
    await load();
    expect(await bronze()).toEqual([{ movie_id: 7, title: 'Fargo' }]);

    await write(topics.rawMovies.name, '8', rawMovie(8));
    await loadWith(breaking(8));
    await redriveAll();
    await load();
    const all = await stage.run(['replay', 'raw', '--all', '--json']);
    expect(JSON.parse(all.stdout)).toMatchObject({ added: 0 });
    expect(await rebuild()).toMatchObject({ rows: 2, same: 1, recovered: 1, repeated: 1 });
    expect(await bronze()).toEqual([
      { movie_id: 7, title: 'Fargo' },
      { movie_id: 8, title: 'Fargo' },
    ]);
  });

  it('[P10] keeps the origin of a record that fails repeatedly, counts its redrives, and refuses it at the limit; others continue', {
    tags: ['full'],
  }, async () => {
    await write(topics.rawMovies.name, 'k', Buffer.from('garbage'));
    await load();
    const [first] = await letters();
    for (const replays of [1, 2]) {
      expect(await redriveAll()).toMatchObject({ redriven: 1, refused: [] });
      expect(await load()).toEqual({ rows: 0, parked: 1 });
      const [again, ...others] = await letters();
      expect(others).toEqual([]);
      expect(again).toEqual({ ...first, replays, failedAt: again?.failedAt, place: again?.place });
    }
    await park([{ origin: topics.rawMovies.name, offset: 900 }]);
    const { code, stdout } = await stage.run(['dead-letters', 'redrive', '--all', '--max-replays', '2', '--json']);
    expect(code).toBe(ExitCode.partial);
    expect(JSON.parse(stdout)).toMatchObject({ redriven: 1, refused: [{ id: 'tmdb.raw-movies/0/0' }] });
    expect(await openIds()).toEqual(['tmdb.raw-movies/0/0']);
    expect(await load()).toEqual({ rows: 1, parked: 0 });
  });

  it('keeps a letter open whose record was parked again before the letter was closed', async () => {
    await park([{ origin: topics.rawMovies.name, offset: 1 }]);
    const [letter] = await letters();
    await park([{ origin: topics.rawMovies.name, offset: 1, replays: 1 }]);
    await close(letter as Letter);
    expect(await letters()).toMatchObject([{ replays: 1, isOpen: true }]);
    await close({ ...(letter as Letter), replays: 1 });
    expect(await openIds()).toEqual([]);
  });

  it('refuses records from a topic that no stage reads', async () => {
    await park([{ origin: 'tmdb.people', offset: 1 }]);
    expect(await redriveAll()).toMatchObject({ redriven: 0, refused: [{ id: 'tmdb.people/0/1' }] });
    expect(await openIds()).toEqual(['tmdb.people/0/1']);
  });

  it.each([
    ['only the beginning of a record', { originValueBytes: 20_000_000, originValueSha256: Buffer.alloc(32, 1) }],
    ['only the position of an unreadable batch', { originLastOffsetDelta: 4 }],
  ])('refuses a letter that holds %s, and says where the original is', { tags: ['full'] }, async (_, held) => {
    await park([{ origin: topics.rawMovies.name, offset: 1, ...held }]);
    for (const dryRun of [[], ['--dry-run']]) {
      const { code, stdout } = await stage.run(['dead-letters', 'redrive', '--all', ...dryRun]);
      expect(code).toBe(ExitCode.partial);
      expect(stdout).toContain('is in Kafka at tmdb.raw-movies/0/1 until its retention ends');
    }
    expect(await openIds()).toEqual(['tmdb.raw-movies/0/1']);
    expect(await read(topics.rawMovies.name)).toEqual([]);
    const { stdout } = await stage.run(['dead-letters', 'show', 'tmdb.raw-movies/0/1', '--json']);
    const [shown] = JSON.parse(stdout).letters;
    expect([shown.lastOffset, shown.sha256?.slice(0, 4)]).toEqual(
      'originLastOffsetDelta' in held ? [5, undefined] : [null, '0101'],
    );
  });

  const total = 250;
  const isOrigin = (topic: string) => topic !== topics.deadLetters.name;

  it.each(
    casesOf<[string, number, (topic: string) => boolean]>([
      ['in the middle of a batch', 130, isOrigin],
      ['before anything is sent', 0, isOrigin],
      ['between a batch and its tombstones', 1, (topic: string) => !isOrigin(topic)],
      ['between the last batch and its tombstones', 2, (topic: string) => !isOrigin(topic)],
    ]),
  )('loses no record when it is killed %s, and repeats none whose letter was closed', async (_, calls, dying) => {
    await park(Array.from({ length: total }, (_, offset) => ({ origin: topics.rawMovies.name, offset })));
    await expect(redriveAll(dyingAfter(calls, dying))).rejects.toThrow('killed');
    const closed = (await letters()).flatMap(({ id, isOpen }) => (isOpen ? [] : id));
    const { redriven } = await redriveAll();
    expect(redriven + closed.length).toBe(total);
    expect(await openIds()).toEqual([]);
    const sent = (await read(topics.rawMovies.name)).map(({ headers }) => headers?.['tmdb-origin'] ?? '');
    expect(new Set(sent).size).toBe(total);
    // At most the batch in flight.
    expect(sent.length - total).toBeLessThanOrEqual(100);
    expect(closed.filter((id) => sent.indexOf(id) !== sent.lastIndexOf(id))).toEqual([]);
  });

  it('reports in a dry run what would happen to each record, and writes nothing', async () => {
    await park([
      { origin: topics.movieIds.name, offset: 1, originValue: movieId(1) },
      { origin: topics.movieIds.name, offset: 2, originValue: Buffer.from('garbage') },
      { origin: topics.movieIds.name, offset: 3, originValue: null },
      { origin: topics.rawMovies.name, offset: 1 },
      { origin: topics.rawMovies.name, offset: 2, originValue: rawMovie(2, '{"id":2,') },
      { origin: topics.rawMovies.name, offset: 3, originValue: rawMovie(3, '{"id":3}\u0000') },
      { origin: topics.rawMovies.name, offset: 4, originValue: rawMovie(4, '[]') },
      { origin: topics.rawMovies.name, offset: 5, replays: 3 },
      // Their key is another movie's.
      { origin: topics.movieIds.name, offset: 4, originValue: movieId(1) },
      { origin: topics.rawMovies.name, offset: 6, originValue: rawMovie(7) },
      { origin: topics.rawGenres.name, offset: 1, originKey: Buffer.from('en'), originValue: genres('{"genres":[]}') },
      { origin: topics.rawGenres.name, offset: 2, originValue: genres('') },
    ]);
    const before = await stage.ends();
    const { code, stdout } = await stage.run(['dead-letters', 'redrive', '--all', '--dry-run', '--json']);
    const outcomes = JSON.parse(stdout).simulated.map(({ id, outcome }: { id: string; outcome: string }) => [
      id,
      outcome,
    ]);
    expect(Object.fromEntries(outcomes)).toEqual({
      'tmdb.movie-ids/0/1': 'fetch',
      'tmdb.movie-ids/0/2': 'park',
      'tmdb.movie-ids/0/3': 'skip',
      'tmdb.raw-movies/0/1': 'load',
      'tmdb.raw-movies/0/2': 'park',
      'tmdb.raw-movies/0/3': 'park',
      'tmdb.raw-movies/0/4': 'park',
      'tmdb.raw-movies/0/5': 'refuse',
      'tmdb.movie-ids/0/4': 'park',
      'tmdb.raw-movies/0/6': 'park',
      'tmdb.raw-genres/0/1': 'load',
      'tmdb.raw-genres/0/2': 'park',
    });
    expect(code).toBe(ExitCode.partial);
    expect(await stage.ends()).toEqual(before);
    const { stdout: text } = await stage.run(['dead-letters', 'redrive', '--topic', topics.movieIds.name, '--dry-run']);
    expect(text).toContain('would fetch (1 request)');
    expect(text).toContain('would be parked again: 7 bytes are too few for a record');
  });
});

describe('the list', () => {
  it('contains the open letters, by reason, topic, time, record and movie', { tags: ['full'] }, async () => {
    await park([
      { origin: topics.rawMovies.name, offset: 1, failedAt: new Date('2026-05-01T00:00Z') },
      { origin: topics.rawMovies.name, offset: 2, failedAt: new Date('2026-05-02T00:00Z'), reason: 'invalid_json' },
      { origin: topics.movieIds.name, offset: 2, failedAt: new Date('2026-05-03T00:00Z'), reason: 'wrong_movie' },
    ]);
    const found = async (...filter: string[]) => {
      const { stdout } = await stage.run(['dead-letters', 'list', '--json', ...filter]);
      return JSON.parse(stdout).letters.map(({ id }: { id: string }) => id.replace('tmdb.', ''));
    };
    expect(await found()).toEqual(['raw-movies/0/1', 'raw-movies/0/2', 'movie-ids/0/2']);
    expect(await found('--reason', 'invalid_json')).toEqual(['raw-movies/0/2']);
    expect(await found('--topic', topics.movieIds.name)).toEqual(['movie-ids/0/2']);
    expect(await found('--since', '2026-05-02', '--until', '2026-05-03')).toEqual(['raw-movies/0/2']);
    expect(await found('--id', '2')).toEqual(['raw-movies/0/2', 'movie-ids/0/2']);
    expect(await found('--id', '2', '--reason', 'wrong_movie')).toEqual(['movie-ids/0/2']);
    expect(await found('--id', 'tmdb.raw-movies/0/1', '--id', '2')).toHaveLength(3);
    const { stdout } = await stage.run(['dead-letters', 'list']);
    expect(stdout).toContain('3 open');
  });

  it('[S10] shows the whole record, which cannot control the terminal', async () => {
    const nasty = '\u001b]0;owned\u0007\u001b[2J\u009b31m';
    await park([
      { origin: topics.rawMovies.name, offset: 1, originValue: rawMovie(1, `{"title":"${nasty}"}`), message: nasty },
      { origin: topics.rawMovies.name, offset: 2, originValue: Buffer.from(nasty), originKey: Buffer.from(nasty) },
    ]);
    const shown = async (...args: string[]): Promise<string> => {
      const { code, stdout } = await stage.run(['dead-letters', ...args]);
      expect(code).toBe(0);
      expect(stdout).not.toMatch(steering);
      return stdout;
    };
    const text = await shown('show', '1');
    expect(text).toMatch(/document +\{"title":"\\u001b\]0;owned\\u0007/);
    expect(text).toMatch(/state +open/);
    const [first, second] = ['tmdb.raw-movies/0/1', 'tmdb.raw-movies/0/2'];
    for (const args of casesOf([['list'], ['list', '--json'], ['show', first, '--json'], ['show', second]])) {
      await shown(...args);
    }
    expect(JSON.parse(await shown('show', second, '--json')).letters).toMatchObject([
      { key: nasty, fields: null, hex: Buffer.from(nasty).toString('hex') },
    ]);
  });

  it('omits purged letters, which are closed only with --yes and can still be shown', { tags: ['full'] }, async () => {
    await park([1, 2].map((offset) => ({ origin: topics.rawMovies.name, offset })));
    const asked = await stage.run(['dead-letters', 'purge', '--id', '1']);
    expect(asked).toMatchObject({ code: 2 });
    expect(asked.stdout).toContain('tmdb.raw-movies/0/1');
    expect(asked.stderr).toContain('--yes');
    expect(await openIds()).toHaveLength(2);
    const purged = await stage.run(['dead-letters', 'purge', '--id', '1', '--yes']);
    expect(purged).toMatchObject({ code: 0 });
    expect(purged.stdout).toContain('tmdb.raw-movies/0/1');
    expect(await openIds()).toEqual(['tmdb.raw-movies/0/2']);
    expect((await stage.run(['dead-letters', 'show', '1'])).stdout).toMatch(/state +closed/);
    expect(await read(topics.rawMovies.name)).toEqual([]);
  });
});

const genres = (body: string): Buffer =>
  rawGenresCodec.encode({ language: 'en', sourceUrl: 'https://x', fetchedAt: new Date(), body: Buffer.from(body) });

const close = (letter: Letter) => stage.kafka.cluster.sink(topics.deadLetters).publish([closingOf(letter)]);

const brokenFor = (broken: number, movie: RawMovie): RawMovie => {
  if (movie.movieId === broken) throw new DecodeError('a version that the codec does not know yet');
  return movie;
};

/** The loader as `load --once` runs it, with another codec. */
async function loadWith(codec: Codec<RawMovie>): Promise<void> {
  const { cluster, clusterId } = stage.kafka;
  const { duckdbPath: path, lockWaitMs } = duckDbOf(stage.context.config);
  await using warehouse = await openDuckDbWarehouse({ path, lockWaitMs, clock: systemClock });
  await warehouse.migrate();
  await runLoader(
    {
      source: cluster.partitionSource([topics.rawMovies, topics.rawGenres], { group: 'loader' }),
      warehouse,
      clusterId,
      topics: { ...topics, rawMovies: { ...topics.rawMovies, codec } },
      deadLetters: cluster.sink(topics.deadLetters),
      clock: systemClock,
      random: Math.random,
      log: silent,
    },
    { limits: stage.context.config.load, signal: never, until: ends() },
  );
}

async function bronze() {
  const { duckdbPath: path, lockWaitMs } = duckDbOf(stage.context.config);
  await using reader = await openDuckDbReader({ path, lockWaitMs, clock: systemClock });
  return await reader.query("select movie_id, raw_data ->> 'title' as title from bronze.raw_movies order by movie_id");
}
