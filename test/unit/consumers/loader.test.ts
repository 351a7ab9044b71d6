import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Flush, runLoader } from '../../../consumers/loader.ts';
import type { Offsets, PartitionHandler } from '../../../kafka/topic.ts';
import { createLogger } from '../../../runtime/logger.ts';
import { movieIdCodec, rawMovieCodec } from '../../../schemas/codecs.ts';
import type { DeadLetter } from '../../../schemas/records.ts';
import { WarehouseUnavailableError } from '../../../warehouse/warehouse.ts';
import { ManualClock } from '../../support/clock/manual-clock.ts';
import { keyOf } from '../../support/kafka/key-of.ts';
import { MemoryPartitionSource, memoryTopicId } from '../../support/kafka/memory-partition-source.ts';
import { consumerRecord } from '../../support/kafka/memory-record-source.ts';
import { MemorySink } from '../../support/kafka/memory-sink.ts';
import { topics } from '../../support/kafka/topics.ts';
import { MemoryWarehouse } from '../../support/warehouse/memory-warehouse.ts';

const clusterId = 'cluster';
const movies = topics.rawMovies.name;
const topicId = { clusterId, topic: movies, topicId: memoryTopicId };

const movie = (movieId: number, body = `{"id":${movieId}}`): Buffer =>
  rawMovieCodec.encode({
    movieId,
    sourceUrl: `https://api.themoviedb.org/3/movie/${movieId}`,
    httpStatus: 200,
    fetchedAt: new Date(Date.UTC(2026, 0, 1)),
    body: Buffer.from(body),
  });

const range = (count: number, from = 0): Buffer[] =>
  Array.from({ length: count }, (_, index) => movie(from + index + 1));

describe('the loader', () => {
  let clock: ManualClock;
  let source: MemoryPartitionSource;
  let warehouse: MemoryWarehouse;
  let deadLetters: MemorySink<DeadLetter>;
  let flushes: Flush[];

  beforeEach(() => {
    clock = new ManualClock();
    source = new MemoryPartitionSource();
    warehouse = new MemoryWarehouse();
    deadLetters = new MemorySink();
    flushes = [];
  });

  const limits = { maxRows: 1_000, maxBytes: 1_000_000, maxAgeMs: 1_000 };

  const load = (options: Partial<Parameters<typeof runLoader>[1]> = {}) =>
    runLoader(
      {
        source,
        warehouse,
        deadLetters,
        clusterId,
        clock,
        topics,
        random: () => 0.5,
        log: createLogger('silent', []),
        onLoaded: (flush) => flushes.push(flush),
      },
      { limits, signal: new AbortController().signal, ...options },
    );

  /** Loads up to the present ends, and advances the clock until it is done. */
  const loadAll = async (options: Partial<Parameters<typeof runLoader>[1]> = {}, partitions = [0]) => {
    const ends = new Map<string, Offsets>([[movies, new Map(partitions.map((p) => [p, source.end(movies, p)]))]]);
    const loading = load({ until: Promise.resolve(ends), ...options });
    let hasEnded = false;
    loading.then(
      () => (hasEnded = true),
      () => (hasEnded = true),
    );
    for (let step = 0; !hasEnded && step < 1_000; step += 1) await clock.advance(500);
    expect(hasEnded).toBe(true);
    return loading;
  };

  it('loads every record once and ends at the given offset', async () => {
    source.append(movies, 0, range(10));
    await loadAll();
    expect(warehouse.offsets()).toEqual([0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n]);
  });

  it('counts the rows that were added, without those that BRONZE has already', async () => {
    const headers = { 'tmdb-origin': `${movies}/0/7`, 'tmdb-origin-timestamp': '1', 'tmdb-replays': '1' };
    source.append(movies, 0, range(3));
    await loadAll();
    source.append(movies, 0, range(4), headers);
    await loadAll();
    expect(flushes.map(({ rows }) => rows)).toEqual([3, 1]);
  });

  it('ends at once if there is nothing to load', async () => {
    await loadAll();
    expect(warehouse.batches).toEqual([]);
  });

  it('[R71] parks an unreadable batch as one letter, moves past all its offsets, and loads the next records', async () => {
    source.append(movies, 0, range(2));
    source.appendUnreadable(movies, 0, 5);
    source.append(movies, 0, range(2, 7));
    await loadAll();
    expect(warehouse.offsets()).toEqual([0n, 1n, 7n, 8n]);
    expect(deadLetters.values).toMatchObject([
      { reason: 'unreadable_batch', originOffset: 2n, originLastOffsetDelta: 4 },
    ]);
    expect(await warehouse.positions(topicId)).toEqual(new Map([[0, 9n]]));
  });

  it('starts at the position of the ledger, and loads nothing twice', async () => {
    source.append(movies, 0, range(5));
    await loadAll();
    source.append(movies, 0, range(5, 5));
    await loadAll();
    expect(warehouse.offsets()).toEqual([0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n]);
  });

  it('flushes by rows', async () => {
    source.append(movies, 0, range(12));
    await loadAll({ limits: { ...limits, maxRows: 6, maxAgeMs: 1e9 } });
    expect(flushes.map(({ rows }) => rows)).toEqual([6, 6]);
  });

  it('flushes by bytes', async () => {
    source.append(
      movies,
      0,
      Array.from({ length: 6 }, (_, id) => movie(id + 1, `{"x":"${'x'.repeat(400)}"}`)),
    );
    await loadAll({ limits: { ...limits, maxBytes: 1_000, maxAgeMs: 1e9 } });
    expect(flushes.map(({ rows }) => rows)).toEqual([3, 3]);
  });

  it('flushes by age, and not before', async () => {
    source.append(movies, 0, range(2));
    const stop = new AbortController();
    const loading = load({ signal: stop.signal });
    await clock.advance(999);
    expect(warehouse.batches).toEqual([]);
    await clock.advance(1);
    expect(warehouse.offsets()).toEqual([0n, 1n]);
    stop.abort();
    await loading;
  });

  it('flushes the remaining records when it knows that no more will come, however new they are', async () => {
    source.append(movies, 0, range(2));
    const until = Promise.resolve(new Map<string, Offsets>([[movies, new Map([[0, 2n]])]]));
    await load({ until, limits: { ...limits, maxAgeMs: 1e9 } });
    expect(warehouse.offsets()).toEqual([0n, 1n]);
  });

  it('drains when it is told to stop: collected records are loaded', async () => {
    source.append(movies, 0, range(2));
    const stop = new AbortController();
    const loading = load({ signal: stop.signal });
    await clock.advance(10);
    stop.abort();
    await loading;
    expect(warehouse.offsets()).toEqual([0n, 1n]);
  });

  it('flushes all due partitions in one transaction, and commits its offsets to Kafka', async () => {
    source.append(movies, 0, range(3));
    source.append(movies, 1, range(2));
    await loadAll({}, [0, 1]);
    expect(flushes).toMatchObject([{ rows: 5, partitions: 2 }]);
    expect(source.committed.get(`${movies}/1`)).toBe(2n);
  });

  it('[R19] moves its position past holes', async () => {
    source.append(movies, 0, [movie(1), undefined, undefined, movie(4)]);
    await loadAll();
    expect(warehouse.offsets()).toEqual([0n, 3n]);
    expect(await warehouse.positions(topicId)).toEqual(new Map([[0, 4n]]));
  });

  it.each([
    ['bytes that are not a record', Buffer.from('nonsense'), 'undecodable_record'],
    [
      'a record of another topic',
      movieIdCodec.encode({ movieId: 1, reason: 'manual', page: null, rank: null, requestedAt: new Date(0) }),
      'undecodable_record',
    ],
    ['nothing', null, 'undecodable_record'],
    ['a document that is not an object', movie(2, ' [{}]'), 'undecodable_record'],
    ['a document that is empty', movie(2, ''), 'undecodable_record'],
    ['a document that is not JSON', movie(2, '{"id":'), 'invalid_json'],
    ['a document with half a surrogate pair', movie(2, '{"t":"\\udc00"}'), 'invalid_json'],
  ])(
    '[R20] parks %s with its origin, before the position moves past it, and loads the rest',
    async (_, value, reason) => {
      source.append(movies, 0, [movie(1), value, movie(3)]);
      await loadAll();
      expect(warehouse.offsets()).toEqual([0n, 2n]);
      expect(deadLetters.records).toMatchObject([
        { key: `${movies}/0/1`, value: { reason, originTopic: movies, originOffset: 1n, originValue: value } },
      ]);
    },
  );

  it('keeps a batch and retries while the warehouse cannot be reached', async () => {
    source.append(movies, 0, range(3));
    const error = new WarehouseUnavailableError('locked');
    warehouse.failures.push({ when: 'before', error }, { when: 'before', error }, { when: 'before', error });
    await loadAll();
    expect(warehouse.offsets()).toEqual([0n, 1n, 2n]);
  });

  it('stops when it is told to while the warehouse cannot be reached: its rows are still in the topic', async () => {
    source.append(movies, 0, range(3));
    const error = new WarehouseUnavailableError('locked');
    for (let failure = 0; failure < 100; failure += 1) warehouse.failures.push({ when: 'before', error });
    const stop = new AbortController();
    const loading = load({ signal: stop.signal });
    await clock.advance(5_000);
    stop.abort();
    await expect(loading).rejects.toBe(error);
  });

  it('[R53] checks the ledger after the reply to a commit is lost, and loads nothing twice', async () => {
    source.append(movies, 0, range(3));
    warehouse.failures.push({ when: 'after', error: new WarehouseUnavailableError('reply lost') });
    await loadAll();
    expect(warehouse.offsets()).toEqual([0n, 1n, 2n]);
  });

  it('loads its records and fails if the end is unknown', async () => {
    source.append(movies, 0, range(3));
    const until = Promise.reject(new Error('Kafka is gone'));
    await expect(loadAll({ until })).rejects.toThrow('Kafka is gone');
  });

  it('fails with the error of a warehouse that refuses a batch', async () => {
    source.append(movies, 0, range(3));
    warehouse.failures.push({ when: 'before', error: new Error('no such table') });
    await expect(loadAll()).rejects.toThrow('no such table');
  });

  it('continues after another loader has loaded some of its offsets', async () => {
    source.append(movies, 0, range(4));
    const stop = new AbortController();
    const loading = load({ signal: stop.signal });
    await clock.advance(10);
    const other = { ...topicId, partition: 0 };
    await warehouse.append([{ table: 'raw_movies', partition: other, firstOffset: 0n, nextOffset: 2n, rows: [] }]);
    await clock.advance(1_000);
    expect(warehouse.offsets()).toEqual([2n, 3n]);
    stop.abort();
    await loading;
  });

  it('[R14] discards records whose partition was revoked while one of them was being parked', async () => {
    const parking = Promise.withResolvers<void>();
    deadLetters.publish = () => parking.promise;
    const values = [movie(1), Buffer.from('poison'), movie(3)];
    const records = values.map((value, index) => ({
      ...consumerRecord(index, value, keyOf(movies, value)),
      topic: movies,
    }));
    const batch = { topic: movies, partition: 0, records, next: 3n };
    const run = async (handler: PartitionHandler) => {
      await handler.position(movies, 0, memoryTopicId);
      const interrupted = handler.records(batch);
      handler.revoked(movies, 0);
      await handler.position(movies, 0, memoryTopicId);
      const again = handler.records(batch);
      parking.resolve();
      await Promise.all([interrupted, again]);
    };
    source.run = run;
    await load();
    expect(warehouse.offsets()).toEqual([0n, 2n]);
    expect(await warehouse.positions(topicId)).toEqual(new Map([[0, 3n]]));
  });

  it('ignores the answer to an earlier assignment that arrives after the answer to a later one', async () => {
    const [parking, late] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    deadLetters.publish = () => parking.promise;
    const values = [movie(1), Buffer.from('poison'), movie(3), movie(4)];
    const records = values.map((value, index) => ({
      ...consumerRecord(index, value, keyOf(movies, value)),
      topic: movies,
    }));
    const answer = warehouse.positions.bind(warehouse);
    warehouse.positions = async (of) => {
      warehouse.positions = answer;
      await late.promise;
      return await answer(of);
    };
    source.run = async (handler) => {
      const outdated = handler.position(movies, 0, memoryTopicId);
      await handler.position(movies, 0, memoryTopicId);
      const first = handler.records({ topic: movies, partition: 0, records: records.slice(0, 3), next: 3n });
      late.resolve();
      await outdated;
      parking.resolve();
      await first;
      await handler.records({ topic: movies, partition: 0, records: records.slice(3), next: 4n });
    };
    await load();
    expect(warehouse.offsets()).toEqual([0n, 2n, 3n]);
  });

  it('reads the position again when it is fenced and then gets no answer', async () => {
    source.append(movies, 0, range(3));
    const lost = new WarehouseUnavailableError('reply lost');
    const answer = warehouse.positions.bind(warehouse);
    const append = warehouse.append.bind(warehouse);
    warehouse.append = async (batches) => {
      warehouse.append = append;
      await append(batches);
      warehouse.positions = async () => {
        warehouse.positions = answer;
        throw lost;
      };
      throw lost;
    };
    await loadAll();
    expect(warehouse.offsets()).toEqual([0n, 1n, 2n]);
  });

  it('loads any records in any chunks exactly once, however often it is stopped and its warehouse fails', async () => {
    const value = fc.oneof({ weight: 6, arbitrary: fc.constant('ok') }, fc.constantFrom('poison', 'hole', 'torn'));
    const round = fc.record({
      values: fc.array(value, { maxLength: 25 }),
      partition: fc.constantFrom(0, 1),
      failures: fc.array(fc.constantFrom('before' as const, 'after' as const), { maxLength: 3 }),
      maxRows: fc.integer({ min: 1, max: 10 }),
      stopAfterMs: fc.integer({ min: 0, max: 2_000 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(round, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 7 }),
        async (rounds, chunkSize) => {
          source = new MemoryPartitionSource(chunkSize);
          warehouse = new MemoryWarehouse();
          deadLetters = new MemorySink();
          const good = new Map<number, bigint[]>([
            [0, []],
            [1, []],
          ]);
          for (const { values, partition, failures, maxRows, stopAfterMs } of rounds) {
            for (const kind of values) {
              const offset = source.end(movies, partition);
              source.append(movies, partition, [content(kind)]);
              if (kind === 'ok') good.get(partition)?.push(offset);
            }
            warehouse.failures.push(
              ...failures.map((when) => ({ when, error: new WarehouseUnavailableError('lost') })),
            );
            const stop = new AbortController();
            // If it is stopped while the warehouse fails, the rest stays in the topic for the next round.
            const loading = load({ signal: stop.signal, limits: { ...limits, maxRows } }).catch((error) => {
              if (!(error instanceof WarehouseUnavailableError)) throw error;
            });
            await clock.advance(stopAfterMs);
            stop.abort();
            await loading;
          }
          await loadAll({}, [0, 1]);
          expect([warehouse.offsets(0), warehouse.offsets(1)]).toEqual([good.get(0), good.get(1)]);
        },
      ),
      { numRuns: 25 },
    );
  });

  const content = (kind: string): Buffer | undefined =>
    ({ ok: movie(1), poison: Buffer.from('x'), torn: movie(1, '{') })[kind];
});
