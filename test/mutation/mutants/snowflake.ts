import { before, instead, remove, swap } from '../change.ts';
import type { Mutant } from '../mutant.ts';

const contract = { files: ['test/contract/snowflake-warehouse.test.ts'], only: 'by array binds' };
const two = { files: ['test/contract/snowflake-loaders.test.ts'] };
const outage = (only: string) => ({ files: ['test/faults/snowflake-outages.test.ts'], only, timeoutMs: 60_000 });
const warehouse = 'warehouse/snowflake/warehouse.ts';
const ledger = 'warehouse/snowflake/ledger.ts';

const noLock = `const { rows } = await session.execute({ sql: 'select current_transaction() as id' });
      const lock = { session, transactionGuard: rows[0] ? '1 = 1' : '' };`;

/** Rows and position in one transaction, over a network that may lose any message. */
export const snowflakeMutants: readonly Mutant[] = [
  {
    name: 'snowflake: a loader stores expired documents',
    file: 'warehouse/snowflake/warehouse.ts',
    place: 'snowflake.expired',
    change: swap('now - this.#retentionMs', '0'),
    tests: contract,
  },
  {
    name: 'snowflake: the dashboard shows tables that a run of dbt has changed meanwhile',
    file: 'warehouse/snowflake/gold-reader.ts',
    place: 'snowflake.gold-whole',
    change: remove,
    tests: { files: ['test/contract/snowflake-gold.test.ts'], only: 'a run that began during the copy' },
  },
  {
    name: 'snowflake: loaders take no lock',
    file: warehouse,
    place: 'snowflake.load-lock',
    change: instead(noLock),
    tests: two,
  },
  {
    name: 'snowflake: a loader that loses the compare-and-set continues',
    file: ledger,
    place: 'snowflake.compare-and-set',
    change: remove,
    tests: contract,
  },
  {
    name: 'snowflake: the position moves without its rows',
    file: warehouse,
    place: 'snowflake.rows',
    change: remove,
    tests: contract,
  },
  {
    name: 'snowflake: a failed transaction is committed',
    file: 'warehouse/snowflake/client.ts',
    place: 'snowflake.rollback',
    change: swap("'rollback'", "'commit'"),
    tests: outage('the stage is unreachable: close'),
  },
  {
    name: 'snowflake: two transactions, the position in the first',
    file: warehouse,
    place: 'snowflake.rows',
    change: before("await session.execute({ sql: 'commit' }); await session.execute({ sql: 'begin' });"),
    tests: two,
  },
  {
    name: 'snowflake: documents that DuckDB refuses are accepted',
    file: warehouse,
    place: 'snowflake.strict-documents',
    change: remove,
    tests: contract,
  },
  {
    name: 'snowflake: the last chunk of a batch is omitted',
    file: 'warehouse/snowflake/insert-rows.ts',
    place: 'snowflake.last-chunk',
    change: remove,
    tests: contract,
  },
  {
    name: 'snowflake: statements after the loss of the lock take effect',
    file: 'warehouse/snowflake/load-lock.ts',
    place: 'snowflake.transaction-guard',
    change: swap("current_transaction() = '", "'' <> '"),
    tests: two,
  },
  {
    name: 'snowflake: a COMMIT without a transaction counts as success',
    file: 'warehouse/snowflake/client.ts',
    place: 'snowflake.commit-settled',
    change: swap(/if \(.*\) return/, 'if ((await isDone(session)) || result === result) return'),
    tests: two,
  },
  {
    name: 'snowflake: the lines of a file remain where the next file is read',
    file: 'warehouse/snowflake/copy-rows.ts',
    place: 'snowflake.delete-lines',
    change: remove,
    tests: two,
  },
  {
    name: 'snowflake: remaining lines of another file are loaded as well',
    file: 'warehouse/snowflake/copy-rows.ts',
    place: 'snowflake.own-lines',
    change: swap('line:file::varchar = ', "'' <> "),
    tests: two,
  },
  {
    name: 'snowflake: a session that has not answered is used again',
    file: 'warehouse/snowflake/session.ts',
    place: 'snowflake.abandon-session',
    change: remove,
    tests: two,
  },
  {
    name: 'snowflake: a loader that was rolled back ends, although the batch can be loaded',
    file: 'warehouse/snowflake/errors.ts',
    place: 'snowflake.transient',
    change: swap(/ \|\| \S+\.test\(sqlState\)/, ''),
    tests: outage('before merge'),
  },
  {
    name: 'snowflake: a loader that cannot renew its session ends, although it can log in',
    file: 'warehouse/snowflake/errors.ts',
    place: 'snowflake.transient',
    change: swap('[127]', '[12]'),
    tests: outage('cannot be renewed'),
  },
  {
    name: 'snowflake: a loader that cannot upload ends, although the stage becomes available again',
    file: 'warehouse/snowflake/copy-rows.ts',
    place: 'snowflake.upload-failed',
    change: swap(/error\.number !== noCode/, 'true'),
    tests: outage('the stage is unreachable: close'),
  },
];
