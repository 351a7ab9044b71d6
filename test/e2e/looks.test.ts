import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ExitCode } from '../../runtime/errors.ts';
import { outcomeOf, Workspace } from '../support/processes/cli.ts';
import { casesOf } from '../tiers.ts';

describe('a read-only command', () => {
  let workspace: Workspace;
  beforeEach(() => {
    workspace = new Workspace();
  });
  afterEach(() => workspace[Symbol.dispose]());

  it('creates no topic, and treats a missing topic as empty or reports that it is missing', async () => {
    // The other commands use the broker that this one has started.
    const watching = workspace.start(['status', '--watch', '--json']);
    const ended = outcomeOf(watching);
    await Promise.race([once(watching.stdout ?? watching, 'data'), ended]);
    for (const args of casesOf([['list'], ['redrive', '--all', '--dry-run'], ['purge', '--all']])) {
      const outcome = await workspace.run(['dead-letters', ...args]);
      expect(outcome).toMatchObject({ code: 0, stdout: 'no open letter matches\n' });
    }
    for (const args of casesOf([['replay', 'ids', '--all'], ['replay', 'raw', '--all'], ['repair']])) {
      const { code, stderr } = await workspace.run([...args, '--dry-run']);
      expect(code, stderr).toBe(2);
      expect(stderr).toContain('"topics --apply" creates them');
    }
    const { code, stdout } = await workspace.run(['topics', '--json']);
    expect(code).toBe(ExitCode.partial);
    expect(JSON.parse(stdout).missing).toHaveLength(6);
    watching.kill('SIGTERM');
    const [first = ''] = (await ended).stdout.split('\n');
    expect(JSON.parse(first).topics).toMatchObject([
      { topic: 'tmdb.movie-ids', records: 0, waiting: 0 },
      { topic: 'tmdb.movie-ids-backfill', records: 0, waiting: 0 },
      { topic: 'tmdb.raw-movies', records: 0, waiting: 0 },
      { topic: 'tmdb.raw-genres', records: 0, waiting: 0 },
      { topic: 'tmdb.producer-state', records: 0, waiting: null },
      { topic: 'tmdb.dead-letters', records: 0, waiting: null },
    ]);
  });
});
