import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../contract/support/seeded-random.ts';
import { type CrashPoint, crashEnvironment, firedIn } from '../support/crash-points.ts';
import { audit } from './support/audit.ts';
import { Workspace } from './support/cli.ts';

/** Figures of the run are printed with it: KILLS and KILL_SEED choose others. */
const kills = Number(process.env['KILLS'] ?? 3);
const seed = Number(process.env['KILL_SEED'] ?? Date.now() % 100_000);
/** New movies of each run. */
const newMovies = 60;

interface Kill extends CrashPoint {
  /** The program with its broker and its dbt at the same moment, or the program alone. */
  readonly isGroup: boolean;
}

/** A step of each stage, so that the first kills meet all of them; `hit` is reached in every run. */
const steps: readonly CrashPoint[] = [
  { point: 'fetcher.published', hit: 20 },
  { point: 'loader.before-commit', hit: 1 },
  { point: 'producer.page-published', hit: 2 },
  // Later than the load: somewhere in dbt's build.
  { point: 'loader.committed', hit: 1, afterMs: 2_500 },
];

const random = seededRandom(seed);
const below = (limit: number): number => Math.floor(random() * limit);

/** First each step, then random ones, at a random time after them. */
function killOf(index: number): Kill {
  const isGroup = index % 2 === 0;
  const step = steps[index];
  if (step) return { ...step, isGroup };
  const { point, hit } = steps[below(steps.length)] as CrashPoint;
  return { point, hit: 1 + below(hit), afterMs: below(point === 'loader.committed' ? 5_000 : 200), isGroup };
}

describe('kill -9 at any point', () => {
  it(
    'loses nothing and doubles nothing: the next run goes on and the audit is clean',
    async () => {
      using workspace = new Workspace({ TMDB_RATE_LIMIT: '60/1s', SANDBOX_MOVIES: '2000' });
      const pages = (run: number): string => String((newMovies / 20) * (run + 1));
      const killed: string[] = [];
      for (let index = 0; index < kills; index += 1) {
        const { isGroup, ...point } = killOf(index);
        const log = join(workspace.dataDir, `crash-points-${index}`);
        // A group is stopped at the step first: what it shares with the other processes stays as it is at that moment.
        const env = crashEnvironment(isGroup ? 'STOP_AT' : 'CRASH_AT', point, log);
        const child = workspace.start(['run', '--once', '--pages', pages(index)], env);
        const exited = once(child, 'exit');
        const hasEnded = exited.then(() => true);
        while (firedIn(log).length === 0 && !(await Promise.race([hasEnded, delay(20, false)])));
        if (isGroup) process.kill(-(child.pid ?? 0), 'SIGKILL');
        await exited;
        expect(child.signalCode, `${point.point}:${point.hit}`).toBe('SIGKILL');
        killed.push(`${point.point}:${point.hit}+${point.afterMs ?? 0} ms${isGroup ? ' (all)' : ''}`);
      }
      const last = await workspace.runOnce(['--pages', pages(kills)]);
      const found = await audit(workspace);
      process.stdout.write(`killed at ${killed.join(', ')} (seed ${seed}); ${JSON.stringify(found)}\n`);
      expect(last.rows.gold['fact_movies']).toBe(found.alive);
      // A kill costs at most the calls in flight.
      expect(found.rawRecords).toBeLessThanOrEqual(found.ids + kills * 20);
    },
    60_000 * (kills + 2),
  );
});
