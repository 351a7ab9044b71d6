import { describe, expect, it } from 'vitest';
import { audit } from '../support/audit/audit.ts';
import { rowsIn, Workspace } from '../support/processes/cli.ts';
import { type Death, dieAt } from '../support/processes/die-at.ts';
import { seededRandom } from '../support/warehouse/seeded-random.ts';
import { isLongForm } from '../tiers.ts';

/** The seed is printed with the results. Set KILLS and KILL_SEED to change a run. */
const kills = Number(process.env['KILLS'] ?? 1);
const seed = Number(process.env['KILL_SEED'] ?? Date.now() % 100_000);

/** Steps of a run by stage, each with the minimum number of times that a run reaches it. Each run has 60 more movies than the one before. */
const stages: readonly Readonly<Record<string, number>>[] = [
  { 'fetcher.token-taken': 60, 'fetcher.answered': 60, 'fetcher.published': 60 },
  { 'transform.node-done': 20, 'transform.built': 1 },
  {
    'loader.batch-due': 1,
    'loader.begun': 1,
    'loader.position-moved': 1,
    'loader.rows-written': 1,
    'loader.before-commit': 1,
    'loader.committed': 1,
  },
  { 'producer.page-read': 3, 'producer.page-published': 3 },
];

/** An endless sequence of steps, one stage after the other, from any stage on. Every second kill also kills the run's child processes. */
function* deathsBy(random: () => number): Generator<Death> {
  const below = (limit: number): number => Math.floor(random() * limit);
  const start = below(stages.length);
  for (let number = start; ; number += 1) {
    const steps = Object.entries(stages[number % stages.length] ?? {});
    const [point, hits] = steps[below(steps.length)] ?? ['', 1];
    yield { point, hit: 1 + below(hits), withChildren: number % 2 === 1 };
  }
}

describe('kill -9 at any point', () => {
  it(
    '[R7 Z1] loses and duplicates nothing: the next run resumes, the one after it requests no movie, and the audit is clean',
    async () => {
      using workspace = new Workspace({ TMDB_RATE_LIMIT: '60/1s', SANDBOX_MOVIES: '2000' }, { ownDbt: isLongForm });
      const died: string[] = [];
      for (const death of deathsBy(seededRandom(seed)).take(kills)) {
        await dieAt(death, workspace, ['run', '--once', '--pages', String(3 + 3 * died.length)]);
        died.push(`${death.point}:${death.hit}${death.withChildren ? ' (all)' : ''}`);
      }
      const pages = 3 + 3 * kills;
      const last = await workspace.runOnce(['--pages', String(pages)]);
      const found = await audit(workspace);
      process.stdout.write(`killed at ${died.join(', ')} (seed ${seed}); ${JSON.stringify(found)}\n`);
      expect(rowsIn(last, 'gold.fact_movies')).toBe(found.alive);
      const again = await workspace.runOnce(['--pages', String(pages)]);
      expect(again.requests.requests).toBe(pages);
      expect(again.tables).toEqual(last.tables);
      // A kill costs at most the calls in flight.
      expect(found.rawRecords).toBeLessThanOrEqual(found.ids + kills * 20);
    },
    60_000 * (kills + 3),
  );
});
