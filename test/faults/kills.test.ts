import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { untilDrained } from '../support/processes/drained.ts';
import { killAgainAndAgain } from '../support/processes/kill-again-and-again.ts';
import {
  fetcherUnderKills,
  hasOpen,
  loaderUnderKills,
  producerUnderKills,
  type StageUnderKills,
  schedulerUnderKills,
} from '../support/processes/stages-under-kills.ts';
import { SupervisedService } from '../support/processes/supervised-service.ts';
import { openTestBed } from '../support/processes/test-bed.ts';
import { GoldReader } from '../support/processes/watchers.ts';
import { seededRandom } from '../support/warehouse/seeded-random.ts';
import { isLongForm } from '../tiers.ts';

/** The number of kills of the loader. Each other stage is killed a quarter as often. */
const loaderKills = Number(process.env['FAULT_KILLS'] ?? 2);
const otherKills = Math.ceil(loaderKills / 4);
const seed = Number(process.env['FAULT_SEED'] ?? Date.now() % 100_000);

/** The short form kills no scheduler and builds nothing: see `integration/dbt/incremental.test.ts` and `integration/dashboard.test.ts`. */
const schedulerKills = isLongForm ? otherKills : 0;

/** Smaller in `npm test`: fewer movies, and kills sooner after a stage has begun to work. */
const movies = isLongForm ? 1_200 : 200;
const hurry = isLongForm ? 1 : 6;
const concurrency = 8;
/** A little more than the movies that are requested again, so that requests are always in flight and no queue grows. */
const limit = { capacity: 75, windowMs: 1_000 };
const detail = /^\/3\/movie\/\d+$/;

const sooner = (stage: StageUnderKills): StageUnderKills => ({ ...stage, withinMs: stage.withinMs / hurry });

describe('[P2 R3 R4 Z1 Z3 Z5] a fleet under load whose members are killed at random', () => {
  it(
    `loses and duplicates nothing: ${loaderKills} kills of the loader, ${schedulerKills} of the scheduler, ${otherKills} of the others`,
    async () => {
      await using bed = await openTestBed({
        limit,
        sandbox: { movies, latencyMs: [20, 120] },
        env: {
          TMDB_CONCURRENCY: String(concurrency),
          TMDB_TIMEOUT: '2s',
          TMDB_REFRESH_AFTER: '20s',
          LOAD_MAX_AGE: isLongForm ? '200ms' : '500ms',
          TRANSFORM_SCHEDULE: '*/2 * * * * *',
        },
        kafka: { 'group.initial.rebalance.delay.ms': '0' },
        // A kill finds dbt's process by its open file.
        ownDbt: schedulerKills > 0,
      });
      const [half, otherHalf] = [Math.ceil, Math.floor];
      const genres = new SupervisedService(bed.fleet, 'producer-genres', ['produce', 'genres', '--every', '10s']);
      const producer = producerUnderKills(bed, ['--pages', 'all', '--every', '3s']);
      const stages: readonly (readonly [StageUnderKills, number])[] = [
        [sooner(producer), otherKills],
        [sooner(fetcherUnderKills(bed)), half(otherKills / 2)],
        [sooner(fetcherUnderKills(bed)), otherHalf(otherKills / 2)],
        [loaderUnderKills(bed), half(loaderKills / 2)],
        [loaderUnderKills(bed), otherHalf(loaderKills / 2)],
        ...(isLongForm ? [[schedulerUnderKills(bed), schedulerKills] as const] : []),
      ];
      await using gold = new GoldReader(join(bed.workspace.dataDir, 'tmdb_gold.duckdb'));
      const killed: Record<string, number> = {};
      let withOpenFile = 0;
      const started = performance.now();
      await Promise.all(
        stages.map(([stage, kills], index) =>
          killAgainAndAgain(stage, kills, seededRandom(seed + index), (pid) => {
            const { name } = stage.supervised;
            killed[name] = (killed[name] ?? 0) + 1;
            if (name === 'loader' && hasOpen(pid, bed.workspace.duckdbPath)) withOpenFile += 1;
          }),
        ),
      );
      const minutes = (performance.now() - started) / 60_000;

      const others = stages.slice(1).map(([{ supervised }]) => supervised);
      const published = await untilDrained(bed, { producers: [producer.supervised, genres], others });
      const found = await bed.audit({ onlyBronze: !isLongForm });
      const asked = bed.requests.filter(({ path }) => detail.test(path)).length;
      process.stdout.write(
        `killed in ${minutes.toFixed(1)} min, seed ${seed}: ${JSON.stringify(killed)}, ${withOpenFile} of the loaders with the file open\n` +
          `ids ${published}, raw records ${found.rawRecords}, rows of BRONZE ${found.bronzeRows}: 0 lost, 0 doubled; ` +
          `fetched again ${asked - published}, most in any window ${bed.sandbox.stats().maxInAnyWindow} of ${limit.capacity}; ` +
          `GOLD read ${gold.reads} times\n`,
      );
      // No reader ever saw a partial dbt run either.
      expect(gold.wrong).toEqual([]);
      expect(killed).toEqual({
        'producer-popular': otherKills,
        fetcher: otherKills,
        loader: loaderKills,
        ...(schedulerKills > 0 && { scheduler: schedulerKills }),
      });
      expect(found.movies).toBe(movies);
      // The requests in flight: those of the killed process, and those of the other one, whose partitions are reassigned when
      // the killed process leaves and when it returns.
      expect(asked - published).toBeLessThanOrEqual(otherKills * 3 * concurrency);
    },
    // Enough for a slow machine: a minute for every five kills of the loader.
    600_000 + loaderKills * 12_000,
  );
});
