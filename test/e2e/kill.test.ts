import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { audit } from './support/audit.ts';
import { Workspace } from './support/cli.ts';

/** Figures of the run are printed with it: KILLS and KILL_SEED choose others. */
const kills = Number(process.env['KILLS'] ?? 8);
const seed = Number(process.env['KILL_SEED'] ?? Date.now() % 100_000);

describe('kill -9 at any point', () => {
  it(
    'loses nothing and doubles nothing: the next run goes on and the audit is clean',
    async () => {
      using workspace = new Workspace({ TMDB_RATE_LIMIT: '60/1s', SANDBOX_MOVIES: '2000' });
      let state = seed;
      const random = () => {
        state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
        return state / 2_147_483_648;
      };
      const killedAfterMs: number[] = [];
      for (let kill = 0; kill < kills; kill += 1) {
        // Each run has 60 movies more than the one before: 9 s of work, from the start of the broker to dbt's last test.
        const child = workspace.start(['run', '--once', '--pages', String(3 + 3 * kill)]);
        const afterMs = Math.round(500 + random() * 11_000);
        const exited = once(child, 'exit');
        const timer = setTimeout(
          () => process.kill(kill % 2 === 0 ? (child.pid ?? 0) : -(child.pid ?? 0), 'SIGKILL'),
          afterMs,
        );
        await exited;
        clearTimeout(timer);
        if (child.signalCode === 'SIGKILL') killedAfterMs.push(afterMs);
      }
      const last = await workspace.runOnce(['--pages', String(3 + 3 * kills)]);
      const found = await audit(workspace);
      process.stdout.write(
        `killed ${killedAfterMs.length} of ${kills} runs, after ${killedAfterMs.join(', ')} ms (seed ${seed}); ${JSON.stringify(found)}\n`,
      );
      expect(killedAfterMs.length).toBeGreaterThanOrEqual(kills / 2);
      expect(last.rows.gold['fact_movies']).toBe(found.alive);
      // A kill costs at most the calls in flight.
      expect(found.rawRecords).toBeLessThanOrEqual(found.ids + kills * 20);
    },
    60_000 * (kills + 2),
  );
});
