import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Partitioners, type Producer } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GeneratedCatalogue } from '../../sandbox/catalogue-generated.ts';
import { movieIdCodec, rawMovieCodec } from '../../schemas/codecs.ts';
import { plainClient } from '../support/kafka/client.ts';
import { type CrashPoint, crashEnvironment, firedIn } from '../support/processes/crash-points.ts';
import { type Service, until } from '../support/processes/fleet.ts';
import { hasOpen } from '../support/processes/stages-under-kills.ts';
import { openTestBed, type TestBed } from '../support/processes/test-bed.ts';
import { casesOf, isLongForm } from '../tiers.ts';

const movies = 400;
const catalogue = new GeneratedCatalogue({ seed: 1, movies });
const idAt = (rank: number): number => catalogue.idAtRank(rank % movies);
const slots = 3;
/** A kill at the first and one at the third page, movie or batch; in `npm test`, only at the third. */
const kills = casesOf([1, 3], [1]);
const detail = /^\/3\/movie\/\d+$/;

describe('a stage that is killed at a critical point and restarted', () => {
  let bed: TestBed;
  let producer: Producer;
  let logs = 0;

  beforeAll(async () => {
    bed = await openTestBed({
      limit: { capacity: 300, windowMs: 1_000 },
      sandbox: { movies, latencyMs: [20, 60] },
      env: { TMDB_CONCURRENCY: String(slots), TMDB_TIMEOUT: '2s', LOAD_MAX_AGE: '100ms' },
      kafka: { 'group.initial.rebalance.delay.ms': '0' },
    });
    await bed.run('topics', '--apply');
    producer = plainClient([bed.broker.address]).producer({
      createPartitioner: Partitioners.DefaultPartitioner,
      idempotent: true,
      maxInFlightRequests: 1,
    });
    await producer.connect();
  });
  afterAll(async () => {
    await producer.disconnect();
    await bed[Symbol.asyncDispose]();
  });

  /** Starts a stage that will be killed or stopped at a point; `log` records when that happened. */
  const startWithCrashPoint = (what: 'CRASH_AT' | 'STOP_AT', point: CrashPoint, args: readonly string[]) => {
    const log = join(bed.workspace.dataDir, `crash-points-${++logs}`);
    const service = bed.fleet.start(args.join(' '), args, crashEnvironment(what, point, log));
    return { service, log, fired: `${what} ${point.point}:${point.hit}` };
  };

  /** Runs a stage until it is killed at a point. */
  const dieAt = async (point: CrashPoint, args: readonly string[]): Promise<void> => {
    const { service, log, fired } = startWithCrashPoint('CRASH_AT', point, args);
    await service.exited;
    expect(service.child.signalCode, service.tail()).toBe('SIGKILL');
    expect(firedIn(log)).toEqual([fired]);
  };

  const detailsAsked = () => bed.requests.filter(({ path }) => detail.test(path)).length;

  const publishIds = async (count: number): Promise<void> => {
    const requestedAt = new Date();
    const ids = Array.from({ length: count }, (_, rank) => idAt(rank));
    await producer.send({
      topic: 'tmdb.movie-ids',
      messages: ids.map((movieId) => ({
        key: String(movieId),
        value: movieIdCodec.encode({ movieId, reason: 'manual', page: null, rank: null, requestedAt }),
      })),
    });
  };

  const publishAnswers = (ids: readonly number[]) =>
    producer.send({ topic: 'tmdb.raw-movies', messages: ids.map(answerOf) });

  /** Publishes answers like the fetcher until `hasEnded`, so that batch after batch becomes due. */
  const publishAnswersUntil = async (hasEnded: () => boolean): Promise<void> => {
    for (let wave = 0; !hasEnded(); wave += 1) {
      await publishAnswers(Array.from({ length: 20 }, (_, rank) => idAt(20 * wave + rank)));
      await delay(150);
    }
  };

  const answerOf = (movieId: number) => {
    const body = catalogue.document(movieId);
    const value = {
      movieId,
      sourceUrl: `${bed.sandbox.url}/movie/${movieId}`,
      httpStatus: body ? 200 : 404,
      fetchedAt: new Date(),
      body: body ?? Buffer.from('{"success":false,"status_code":34}'),
    };
    return { key: String(movieId), value: rawMovieCodec.encode(value) };
  };

  describe('the producer', () => {
    const points: [string, number][] = [
      ['producer.page-read', 0],
      ['producer.page-published', 5],
    ];

    it.each(casesOf(points, [1]))(
      '[P1 R1] at %s: the next walk publishes the missing ids',
      async (point, freshPages) => {
        const pages = ['produce', 'popular', '--pages', String(freshPages + 5)];
        for (const page of kills) await dieAt({ point, hit: freshPages + page }, pages);
        await bed.run(...pages);
        await bed.run('fetch', '--once');
        await bed.run('load', '--once');
        const { ids, movies: found } = await bed.audit({ onlyBronze: true });
        expect(found).toBe(20 * (freshPages + 5));
        // Ids that were published before are fresh, and are not published again.
        expect(ids).toBe(found);
      },
    );
  });

  describe('the fetcher', () => {
    it.each(casesOf(['fetcher.token-taken', 'fetcher.answered', 'fetcher.published'], [1]))(
      '[P2 R2] at %s: no id is lost, and a kill costs at most the calls in flight',
      async (point) => {
        const asked = detailsAsked();
        await publishIds(30);
        for (const hit of kills) await dieAt({ point, hit }, ['fetch']);
        await bed.run('fetch', '--once');
        await bed.run('load', '--once');
        await bed.audit({ onlyBronze: true });
        expect(detailsAsked() - asked).toBeGreaterThanOrEqual(30);
        expect(detailsAsked() - asked).toBeLessThanOrEqual(30 + kills.length * slots);
      },
    );

    it('[P2 R2] after it sent a request and before the answer: no id is lost, and a kill costs at most the calls in flight', {
      tags: ['full'],
    }, async () => {
      const asked = detailsAsked();
      await publishIds(30);
      for (const request of kills) {
        const fetcher = bed.fleet.start('fetcher', ['fetch']);
        for (let seen = 0; seen < request; ) {
          const [{ path }] = await once(bed.asked, 'request');
          if (detail.test(path)) seen += 1;
        }
        fetcher.kill('SIGKILL');
        await fetcher.exited;
      }
      await bed.run('fetch', '--once');
      await bed.run('load', '--once');
      await bed.audit({ onlyBronze: true });
      expect(detailsAsked() - asked).toBeGreaterThan(30);
      expect(detailsAsked() - asked).toBeLessThanOrEqual(30 + kills.length * slots);
    });
  });

  describe('the loader', () => {
    const points = [
      'loader.batch-due',
      'loader.begun',
      'loader.position-moved',
      'loader.rows-written',
      'loader.before-commit',
      'loader.committed',
    ];
    /** A kill as soon as DuckDB has written a part of the commit. */
    const dieInCommit = () =>
      (isLongForm ? [1, 2, 3] : [2]).map((hit) => ({ hit, whenWritten: `${bed.workspace.duckdbPath}.wal` }));

    it.each([
      ...casesOf(points, []).map((point) => ({
        where: `at ${point}`,
        point,
        deaths: (): readonly Omit<CrashPoint, 'point'>[] => kills.map((hit) => ({ hit })),
      })),
      { where: 'while DuckDB commits', point: 'loader.before-commit', deaths: dieInCommit },
    ])('[P6 R3] $where: nothing is lost or duplicated', async ({ point, deaths }) => {
      for (const death of deaths()) {
        let isDead = false;
        const writing = publishAnswersUntil(() => isDead);
        await dieAt({ point, ...death }, ['load']).finally(() => {
          isDead = true;
        });
        await writing;
      }
      await bed.run('load', '--once');
      await bed.audit({ onlyBronze: true });
    });
  });

  describe('a zombie', () => {
    /** Publishes until a loader is stopped at its point, for longer than its session lasts. @returns one that takes over. */
    const takeOver = async (log: string): Promise<Service> => {
      await publishAnswersUntil(() => firedIn(log).length > 0);
      return bed.fleet.start('other', ['load']);
    };
    const rowsLoaded = ({ lines }: Service): number =>
      lines.reduce((sum, line) => sum + (line.msg === 'batch loaded' ? Number(line['rows']) : 0), 0);
    const end = async (...services: readonly Service[]) => {
      for (const service of services) service.kill('SIGTERM');
      for (const service of services) expect(await service.exited, service.tail()).toBe(0);
    };

    it('[R6] whose batch another loader has loaded meanwhile is fenced, and adds no row', async () => {
      await bed.run('load', '--once');
      const { service: zombie, log } = startWithCrashPoint('STOP_AT', { point: 'loader.batch-due', hit: 2 }, ['load']);
      // If it had the file open when it is stopped, no other loader could take over.
      await publishAnswers([idAt(0)]);
      const isIdle = () => rowsLoaded(zombie) > 0 && !hasOpen(zombie.pid, bed.workspace.duckdbPath);
      await until('it has loaded a batch and released the file', isIdle, { timeoutMs: 60_000 });
      const other = await takeOver(log);
      await until('the other loader loads rows', () => rowsLoaded(other) > 0, { timeoutMs: 30_000 });
      zombie.kill('SIGCONT');
      await until('it is fenced', () => zombie.lines.some(({ msg }) => msg?.startsWith('fenced')), {
        timeoutMs: 30_000,
      });
      await end(zombie, other);
      await bed.run('load', '--once');
      await bed.audit({ onlyBronze: true });
    });

    // DuckDB has no overlapping commits, because its file has one writer. Here the batch with the lower number is
    // committed as late as possible, and the next writer waits.
    it('[R61] whose commit is late keeps the file until it has committed, and no row is duplicated', {
      tags: ['full'],
    }, async () => {
      const { service: zombie, log } = startWithCrashPoint('STOP_AT', { point: 'loader.before-commit', hit: 2 }, [
        'load',
      ]);
      const other = await takeOver(log);
      const before = rowsLoaded(zombie);
      // Each entry of the queue names its process.
      const isInLine = () =>
        readdirSync(`${bed.workspace.duckdbPath}.queue`).some((entry) => entry.split('-')[2] === String(other.pid));
      await until('the other loader is in the queue for the file', isInLine, { timeoutMs: 30_000 });
      expect(rowsLoaded(other)).toBe(0);
      zombie.kill('SIGCONT');
      await until('it has committed', () => rowsLoaded(zombie) > before, { timeoutMs: 30_000 });
      await until('the other loader is ready', async () => (await other.get('/readyz')).status === 200, {
        timeoutMs: 30_000,
      });
      await end(zombie, other);
      await bed.run('load', '--once');
      await bed.run('transform');
      await bed.audit();
    });
  });

  it('[P17 P18 R132] a producer of changes or of the export continues where it was killed', {
    tags: ['full'],
  }, async () => {
    const published = async (...args: string[]): Promise<number> => {
      const log = bed.fleet.start(args.join(' '), [...args, '--json']);
      await log.exited;
      return Number(log.lines.find((line) => 'published' in line)?.['published']);
    };
    await dieAt({ point: 'producer.changes-read', hit: 2 }, ['produce', 'changes']);
    // Its first page is published; the empty one was not read to the end, so the day is read again.
    expect(await published('produce', 'changes')).toBe(0);
    await dieAt({ point: 'producer.export-published', hit: 1 }, ['produce', 'export']);
    expect(await published('produce', 'export')).toBe(0);
    await bed.run('fetch', '--once');
    await bed.run('load', '--once');
    const { ids, movies: found } = await bed.audit({ onlyBronze: true });
    expect(found).toBeGreaterThan(390);
    expect(ids).toBeGreaterThanOrEqual(found);
  });
});
