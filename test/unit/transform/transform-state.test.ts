import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { projectFingerprint, transformState } from '../../../transform/state.ts';

/** A warehouse that answers each query by its table. */
interface Answers {
  readonly tables: number;
  readonly loaderTables?: number;
  readonly built?: { run_seq: bigint; project_fingerprint: string };
  readonly lastStatus?: string;
  readonly lastCompleteStatus?: string;
  readonly lastKind?: 'complete' | 'partial';
  readonly sealed?: bigint;
  readonly unsealed?: bigint;
  readonly waiting?: bigint;
  readonly ofTheFuture?: bigint;
  /** Movies of SILVER at most a day ahead of the clock. */
  readonly ahead?: bigint;
  /** Runs of other SQL since the last success. */
  readonly ofOtherSql?: bigint;
}

const ask = ({
  tables,
  loaderTables = 1,
  built,
  lastStatus = 'success',
  lastCompleteStatus = lastStatus,
  lastKind = 'complete',
  sealed = 3n,
  unsealed = 0n,
  waiting = 0n,
  ofTheFuture = 0n,
  ahead = ofTheFuture,
  ofOtherSql = 0n,
}: Answers) =>
  transformState((sql) => {
    if (sql.includes('information_schema')) return Promise.resolve([{ of_loader: loaderTables, of_dbt: tables }]);
    if (sql.includes('runs_of_other_sql')) return Promise.resolve([{ runs_of_other_sql: ofOtherSql }]);
    if (sql.includes('models_status')) return Promise.resolve(built ? [built] : []);
    if (sql.includes('of_complete'))
      return Promise.resolve([{ of_any: lastStatus, of_complete: lastCompleteStatus, kind: lastKind }]);
    if (sql.includes('bronze.load_batches')) return Promise.resolve([{ batches: unsealed, waiting }]);
    if (sql.includes('silver.silver_movies'))
      return Promise.resolve([{ rows_of_the_future: ofTheFuture, rows_ahead: ahead }]);
    return Promise.resolve([{ run_seq: sealed }]);
  }, 'today');

const built = { run_seq: 3n, project_fingerprint: 'today' };

it.each([
  ['never run', { tables: 0 }, true],
  ['never run', { tables: 2 }, true],
  ['project changed', { tables: 2, built: { run_seq: 3n, project_fingerprint: 'yesterday' } }, true],
  ['times in the future', { tables: 2, built, ofTheFuture: 1n }, true],
  [
    'times in the future',
    { tables: 2, built: { run_seq: 3n, project_fingerprint: 'yesterday' }, ofTheFuture: 1n },
    true,
  ],
  ['project changed', { tables: 2, built, lastStatus: 'failed', ofOtherSql: 1n }, true],
  ['last run failed', { tables: 2, built, lastStatus: 'failed' }, false],
  ['last run failed', { tables: 2, built, lastStatus: 'success', lastCompleteStatus: 'failed' }, false],
  ['run interrupted', { tables: 2, built, sealed: 4n }, false],
  ['run interrupted', { tables: 2, built, lastStatus: 'running' }, false],
  ['run interrupted', { tables: 2, built, lastStatus: 'success', lastCompleteStatus: 'interrupted' }, false],
  ['partial run', { tables: 2, built, lastKind: 'partial' }, false],
  ['last run failed', { tables: 2, built, lastKind: 'partial', lastCompleteStatus: 'failed' }, false],
  ['new batches', { tables: 2, built, unsealed: 1n }, false],
] as const)('[R80 R159] is due: %s (%o)', async (reason, answers, fullRefresh) => {
  expect(await ask(answers)).toEqual({ due: true, reason, fullRefresh, waiting: 0 });
});

it('is not due if nothing has changed since a successful run', async () => {
  const behind = { due: false, reason: 'clock behind', fullRefresh: false, waiting: 3 };
  expect(await ask({ tables: 2, built, unsealed: 1n, ahead: 3n })).toEqual(behind);
  expect(await ask({ tables: 2, built, waiting: 2n })).toMatchObject({ due: false, reason: 'up to date', waiting: 2 });
  expect(await ask({ tables: 2, built })).toEqual({ due: false, reason: 'up to date', fullRefresh: false, waiting: 0 });
});

it('is not due before a loader has created its tables', async () => {
  expect(await ask({ tables: 0, loaderTables: 0 })).toEqual({
    due: false,
    reason: 'nothing loaded',
    fullRefresh: false,
    waiting: 0,
  });
});

it('changes its fingerprint with the SQL and the settings, not with descriptions', async () => {
  const project = await mkdtemp(join(tmpdir(), 'dbt-project-'));
  try {
    await cp(fileURLToPath(new URL('../../../dbt', import.meta.url)), project, { recursive: true });
    const before = await projectFingerprint(project);
    await writeFile(join(project, 'models', 'note.md'), 'text');
    expect(await projectFingerprint(project)).toBe(before);
    await writeFile(join(project, 'models', 'gold', 'more.sql'), 'select 1');
    expect(await projectFingerprint(project)).not.toBe(before);
  } finally {
    await rm(project, { recursive: true });
  }
});
