import type { Mutant } from '../mutant.ts';

const contract = { files: ['test/contract/duckdb-warehouse.test.ts'] };
const warehouse = 'warehouse/duckdb/warehouse.ts';
const replay = { files: ['test/contract/duckdb-replay.test.ts'] };
const rebuild = 'warehouse/rebuild-sql.ts';
const ledger = 'warehouse/duckdb/ledger.ts';

/** Rows and position, in one transaction or not at all. */
export const warehouseMutants: readonly Mutant[] = [
  {
    name: 'warehouse: the position is set without being compared',
    file: ledger,
    find: 'and kafka_partition = $4 and next_offset = $5`',
    replace: 'and kafka_partition = $4 and $5 is not null`',
    tests: contract,
  },
  {
    name: 'warehouse: a loader that loses the compare-and-set continues',
    file: ledger,
    find: 'if (stored !== null) throw new FencedError(partition, firstOffset, stored);',
    replace: 'if (stored !== null) return;',
    tests: contract,
  },
  {
    name: 'warehouse: the position moves without its rows',
    file: warehouse,
    find: 'await appendRows(connection, numbered, prefix);',
    replace: '',
    tests: contract,
  },
  {
    name: 'warehouse: two transactions, the position in the first',
    file: warehouse,
    find: 'await appendRows(connection, numbered, prefix);',
    replace: `await connection.run('commit'); await connection.run('begin');
      await appendRows(connection, numbered, prefix);`,
    tests: contract,
  },
  {
    name: 'warehouse: two transactions, the rows committed before they are checked',
    file: warehouse,
    find: 'refuseRows(await unreadableRows(connection, numbered, prefix));',
    replace: `await connection.run('commit'); await connection.run('begin');
      refuseRows(await unreadableRows(connection, numbered, prefix));`,
    tests: contract,
  },
  {
    name: 'warehouse: the rows are written before the check whether they are already there',
    file: warehouse,
    find: 'await this.file.transaction(async (connection) => {',
    replace: `const early = { loadSeq: 0n, ingestedAt: new Date(0) };
    await this.file.use((c) => appendRows(c, batches.map((batch) => ({ batch, id: 'early', ...early })), ''));
    await this.file.transaction(async (connection) => {`,
    tests: contract,
  },
  {
    name: 'warehouse: what failed is not rolled back',
    file: 'warehouse/duckdb/shared-file.ts',
    find: "await connection.run('rollback').catch(() => {});",
    replace: "await connection.run('commit').catch(() => {});",
    tests: contract,
  },
  {
    name: 'warehouse: an appender left open writes its rows after the rollback',
    file: 'warehouse/duckdb/append-rows.ts',
    find: 'appender.closeSync();',
    replace: '',
    tests: contract,
  },
  {
    name: 'warehouse: documents that no query can read are taken',
    file: warehouse,
    find: 'refuseRows(await unreadableRows(connection, numbered, prefix));',
    replace: '',
    tests: contract,
  },
  {
    name: 'warehouse: bytes that are no UTF-8 and documents too deep for a query are taken',
    file: warehouse,
    find: 'refuseRows(rowsWhere(batches, ({ body }) => !isStorable(body)));',
    replace: '',
    tests: contract,
  },
  {
    name: 'warehouse: a topic that was created again continues at the position of the old one',
    file: ledger,
    find: "and topic_id in ($3, '')`;",
    replace: 'and $3 is not null`;',
    tests: contract,
  },
  {
    name: 'rebuild: what was loaded meanwhile is lost when the shadow takes the place of BRONZE',
    file: rebuild,
    find: 'where keep_from < keep_to',
    replace: 'where keep_from < keep_to and not is_above',
    tests: replay,
  },
  {
    name: 'rebuild: a shadow that has less than BRONZE takes its place',
    file: rebuild,
    find: 'missing.filter((address) => !refused.has(address))',
    replace: 'missing.filter(() => false)',
    tests: replay,
  },
  {
    name: 'replay: rows that are there are added again',
    file: 'warehouse/replay-table.ts',
    find: 'kafkaOffset < end && !there.has(kafkaOffset)',
    replace: 'kafkaOffset < end',
    tests: replay,
  },
];
