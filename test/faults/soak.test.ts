import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { openBehindProxy } from '../support/network/network-fleet.ts';
import { type ChaosSource, chaosOn, injectUntil } from '../support/processes/chaos.ts';
import { untilDrained } from '../support/processes/drained.ts';
import { SupervisedService } from '../support/processes/supervised-service.ts';
import type { TestBed } from '../support/processes/test-bed.ts';
import { GoldReader, MemoryWatcher } from '../support/processes/watchers.ts';
import { seededRandom } from '../support/warehouse/seeded-random.ts';

/** The duration of the load in minutes; 0 skips the soak. */
const minutes = Number(process.env['SOAK_MINUTES'] ?? 0);
const seed = Number(process.env['FAULT_SEED'] ?? Date.now() % 100_000);

const movies = 1_200;
const sessionMs = 3_000;
/** The time under load after the last fault, in which all services recover. */
const quietMs = Math.min(60_000, minutes * 15_000);
const maxMb = 700;
const breaksConnections = ['broker restarted', 'network fault'];

describe.runIf(minutes > 0)('a soak', () => {
  it(
    `[Z1 Z5] of ${minutes} min with one fault after the other: nothing is lost, nothing is duplicated, nothing grows`,
    async () => {
      const { bed, proxy } = await openBehindProxy({
        limit: { capacity: 60, windowMs: 1_000 },
        sandbox: { movies, latencyMs: [20, 120] },
        env: {
          KAFKA_SESSION_TIMEOUT: `${sessionMs}ms`,
          TMDB_TIMEOUT: '5s',
          TMDB_REFRESH_AFTER: '30s',
          LOAD_MAX_AGE: '500ms',
          TRANSFORM_SCHEDULE: '*/2 * * * * *',
        },
      });
      await using _proxy = proxy;
      await using _bed = bed;
      const supervise = (name: string, ...args: string[]) => new SupervisedService(bed.fleet, name, args);
      const producer = supervise('producer-popular', 'produce', 'popular', '--pages', 'all', '--every', '3s');
      const genres = supervise('producer-genres', 'produce', 'genres', '--every', '30s');
      const fetchers = [supervise('fetcher-1', 'fetch'), supervise('fetcher-2', 'fetch')] as const;
      const [mortal, loader] = [supervise('loader-1', 'load'), supervise('loader-2', 'load')];
      const scheduler = supervise('scheduler', 'schedule');
      const services = [producer, genres, ...fetchers, mortal, loader, scheduler];
      const sources = chaosOn(bed, { mortal, zombies: [fetchers[0], loader], scheduler, sessionMs, proxy });

      let drained: unknown;
      let memory: ReturnType<MemoryWatcher['growth']>;
      const gold = new GoldReader(join(bed.workspace.dataDir, 'tmdb_gold.duckdb'));
      {
        await using _reader = gold;
        await using watcher = new MemoryWatcher(services);
        const endsAt = performance.now() + minutes * 60_000;
        await injectUntil(endsAt - quietMs, sources, seededRandom(seed), (name) => note(name, endsAt));
        await delay(Math.max(0, endsAt - performance.now()));
        memory = watcher.growth();
        drained = await untilDrained(bed, {
          producers: [producer, genres],
          others: [...fetchers, mortal, loader, scheduler],
        }).catch((error: unknown) => error);
      }
      // The present data must be correct, whether or not the drain was completed.
      const found = await bed.audit().catch((error: unknown) => error);
      report(bed, { sources, services, gold, memory, drained, found });
      expect(drained).not.toBeInstanceOf(Error);
      expect(found).toMatchObject({ movies });
      expect(sources.filter(({ fired }) => fired === 0).map(({ name }) => name)).toEqual([]);
      // Only a broken connection to Kafka may end a service, with an exit code that causes a restart.
      const injections = sources
        .filter(({ name }) => breaksConnections.includes(name))
        .reduce((sum, { fired }) => sum + fired, 0);
      const deaths = services.flatMap((one) => one.deaths);
      expect(deaths.filter(({ code, lastLine }) => code !== 1 || lastLine?.msg !== 'service failed')).toEqual([]);
      expect(deaths.length).toBeLessThanOrEqual(injections * services.length);
      expect(
        bed.fleet.services.flatMap(({ noise }) => noise).filter((line) => /unhandled|warning/i.test(line)),
      ).toEqual([]);
      expect(gold.reads).toBeGreaterThan(minutes * 60);
      expect(gold.wrong).toEqual([]);
      for (const [name, [first, second]] of Object.entries(memory)) {
        expect(second, `${name} in its second half, after ${first} MB`).toBeLessThan(Math.min(maxMb, 1.5 * first + 50));
      }
    },
    (minutes + 15) * 60_000,
  );
});

it.skipIf(minutes > 0)('SKIPPED: the soak, which takes SOAK_MINUTES (npm run test:full)', () => {});

const note = (name: string, endsAt: number): void => {
  process.stdout.write(`soak: ${name}, ${Math.round((endsAt - performance.now()) / 1_000)} s before its end\n`);
};

interface Soaked {
  readonly sources: readonly ChaosSource[];
  readonly services: readonly SupervisedService[];
  readonly gold: GoldReader;
  readonly memory: ReturnType<MemoryWatcher['growth']>;
  readonly drained: unknown;
  readonly found: unknown;
}

function report({ sandbox }: TestBed, { sources, services, gold, memory, drained, found }: Soaked): void {
  const { requests, byStatus, maxInAnyWindow } = sandbox.stats();
  const good = (byStatus['200'] ?? 0) + (byStatus['404'] ?? 0);
  const lines = [
    `seed ${seed}; fired ${sources.map(({ name, fired }) => `${name} ${fired}`).join(', ')}`,
    `${requests} requests, ${(((requests - good) / requests) * 100).toFixed(1)} % of them failed, most in any window ${maxInAnyWindow}`,
    `ids ${drained}; ${found instanceof Error ? found.message : JSON.stringify(found)}`,
    `GOLD read ${gold.reads} times, ${gold.movies} movies in the end, ${gold.wrong.length} times wrong`,
    `MB in the first and the second half ${JSON.stringify(memory)}; ended by themselves ${services.flatMap(({ deaths }) => deaths).length}`,
    ...services.flatMap(({ name, deaths }) => deaths.map(({ lastLine }) => `${name} ended: ${lastLine?.['error']}`)),
  ];
  process.stdout.write(`${lines.map((line) => `soak: ${line}\n`).join('')}`);
}
