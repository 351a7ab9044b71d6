import type { Mutant } from '../mutant.ts';

const contract = { files: ['test/contract/snowflake-warehouse.test.ts'], only: 'by array binds' };
const two = { files: ['test/contract/snowflake-loaders.test.ts'] };
const outage = (only: string) => ({ files: ['test/faults/snowflake-outages.test.ts'], only, timeoutMs: 60_000 });
const warehouse = 'warehouse/snowflake/warehouse.ts';
const ledger = 'warehouse/snowflake/ledger.ts';

/** Rows and position in one transaction, over a network that may lose any word. */
export const snowflakeMutants: readonly Mutant[] = [
  {
    name: 'snowflake: loaders take no lock',
    file: warehouse,
    find: 'const lock = await takeLoadLock(session);',
    replace: `const { rows } = await session.execute({ sql: 'select current_transaction() as id' });
        const lock = { session, transactionGuard: rows[0] ? '1 = 1' : '' };`,
    tests: two,
  },
  {
    name: 'snowflake: who loses the compare-and-set is not told',
    file: ledger,
    find: 'await refuseMoved(session, table, batches);',
    replace: '',
    tests: contract,
  },
  {
    name: 'snowflake: the position moves without its rows',
    file: warehouse,
    find: 'await this.#writeRows(lock, numbered);',
    replace: '',
    tests: contract,
  },
  {
    name: 'snowflake: what failed is committed',
    file: 'warehouse/snowflake/client.ts',
    find: "await session.execute({ sql: 'rollback' }).catch(() => session[Symbol.asyncDispose]());",
    replace: "await session.execute({ sql: 'commit' }).catch(() => session[Symbol.asyncDispose]());",
    tests: outage('the stage is out of reach: close'),
  },
  {
    name: 'snowflake: two transactions, the position in the first',
    file: warehouse,
    find: 'await this.#writeRows(lock, numbered);',
    replace: `await session.execute({ sql: 'commit' }); await session.execute({ sql: 'begin' });
        await this.#writeRows(lock, numbered);`,
    tests: two,
  },
  {
    name: 'snowflake: documents that DuckDB refuses are taken',
    file: warehouse,
    find: 'refuseRows(rowsWhere(batches, ({ body }) => !isStrictJson(body)));',
    replace: '',
    tests: contract,
  },
  {
    name: 'snowflake: the last chunk of a batch is left out',
    file: 'warehouse/snowflake/insert-rows.ts',
    find: 'if (chunk.length > 0) yield chunk;',
    replace: '',
    tests: contract,
  },
  {
    name: 'snowflake: statements after the loss of the lock take effect',
    file: 'warehouse/snowflake/load-lock.ts',
    find: "transactionGuard: `current_transaction() = '",
    replace: "transactionGuard: `'' <> '",
    tests: two,
  },
  {
    name: 'snowflake: a COMMIT of no transaction is taken for one',
    file: 'warehouse/snowflake/client.ts',
    find: 'if (await isDone(session)) return result;',
    replace: 'if ((await isDone(session)) || result === result) return result;',
    tests: two,
  },
  {
    name: 'snowflake: what a file has brought stays where the next one is read',
    file: 'warehouse/snowflake/copy-rows.ts',
    find: "await session.execute({ sql: 'delete from bronze.load_lines', batch });",
    replace: '',
    tests: two,
  },
  {
    name: 'snowflake: lines that another file has left are taken for ours',
    file: 'warehouse/snowflake/copy-rows.ts',
    find: 'where line:file::varchar = ',
    replace: "where '' <> ",
    tests: two,
  },
  {
    name: 'snowflake: a session that has not answered is used again',
    file: 'warehouse/snowflake/session.ts',
    find: 'if (known instanceof WarehouseUnavailableError) this.#abandon();',
    replace: '',
    tests: two,
  },
  {
    name: 'snowflake: who was rolled back ends, though the batch can be loaded',
    file: 'warehouse/snowflake/errors.ts',
    find: '/^(25|40)/.test(sqlState)',
    replace: 'false',
    tests: outage('before merge'),
  },
  {
    name: 'snowflake: who cannot renew its session ends, though it can log in',
    file: 'warehouse/snowflake/errors.ts',
    find: '/^40[127]/',
    replace: '/^40[12]/',
    tests: outage('expires for good'),
  },
  {
    name: 'snowflake: who cannot upload ends, though the stage comes back',
    file: 'warehouse/snowflake/copy-rows.ts',
    find: 'error.code !== noCode',
    replace: 'true',
    tests: outage('the stage is out of reach: close'),
  },
];
