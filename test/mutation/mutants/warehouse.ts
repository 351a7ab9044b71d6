import { always, before, never, remove, swap } from '../change.ts';
import type { Mutant } from '../mutant.ts';

const contract = { files: ['test/contract/duckdb-warehouse.test.ts'] };
const purge = { files: ['test/contract/duckdb-purge.test.ts'] };
const warehouse = 'warehouse/duckdb/warehouse.ts';
const replay = { files: ['test/contract/duckdb-replay.test.ts'] };
const mirror = { files: ['test/unit/replay/mirror-comparison.test.ts'] };
const rebuild = 'warehouse/rebuild-sql.ts';
const sentBack = 'warehouse/sent-back.ts';
const ledger = 'warehouse/duckdb/ledger.ts';

const earlyRows = `const early = { loadSeq: 0n, ingestedAt: new Date(0) };
    await this.file.use((c) => appendRows(c, batches.map((batch) => ({ batch, id: 'early', ...early })), ''));`;

/** Rows and position change in one transaction or not at all. */
export const warehouseMutants: readonly Mutant[] = [
  {
    name: 'warehouse: a loader stores expired documents',
    file: 'warehouse/expiry.ts',
    place: 'purge.on-load',
    change: swap('row.fetchedAt >= before', 'true'),
    tests: purge,
  },
  {
    name: 'warehouse: a purge keeps the numbers of its batches, so dbt does not read them again',
    file: 'warehouse/duckdb/purge.ts',
    place: 'purge.renumbered',
    change: swap('purged.new_seq', 'purged.load_seq'),
    tests: purge,
  },
  {
    name: 'warehouse: the position is set without being compared',
    file: ledger,
    place: 'warehouse.compared-position',
    change: swap('next_offset = $5`', '$5 is not null`'),
    tests: contract,
  },
  {
    name: 'warehouse: a loader that loses the compare-and-set continues',
    file: ledger,
    place: 'warehouse.fenced',
    change: swap(/throw .*;/, 'return;'),
    tests: contract,
  },
  {
    name: 'warehouse: the position moves without its rows',
    file: warehouse,
    place: 'warehouse.rows',
    change: remove,
    tests: contract,
  },
  {
    name: 'warehouse: two transactions, the position in the first',
    file: warehouse,
    place: 'warehouse.rows',
    change: before("await connection.run('commit'); await connection.run('begin');"),
    tests: contract,
  },
  {
    name: 'warehouse: two transactions, the rows committed before they are checked',
    file: warehouse,
    place: 'warehouse.readable-documents',
    change: before("await connection.run('commit'); await connection.run('begin');"),
    tests: contract,
  },
  {
    name: 'warehouse: the rows are written before the check whether they are already there',
    file: warehouse,
    place: 'warehouse.transaction',
    change: before(earlyRows),
    tests: contract,
  },
  {
    name: 'warehouse: a failed transaction is not rolled back',
    file: 'warehouse/duckdb/transaction.ts',
    place: 'warehouse.rollback',
    change: swap("'rollback'", "'commit'"),
    tests: contract,
  },
  {
    name: 'warehouse: an appender left open writes its rows after the rollback',
    file: 'warehouse/duckdb/append-rows.ts',
    place: 'warehouse.close-appender',
    change: remove,
    tests: contract,
  },
  {
    name: 'warehouse: documents that no query can read are accepted',
    file: warehouse,
    place: 'warehouse.readable-documents',
    change: remove,
    tests: contract,
  },
  {
    name: 'warehouse: bytes that are not UTF-8 and documents too deep for a query are accepted',
    file: warehouse,
    place: 'warehouse.storable-documents',
    change: remove,
    tests: contract,
  },
  {
    name: 'warehouse: a topic that was created again continues at the position of the old one',
    file: ledger,
    place: 'warehouse.topic-id',
    change: swap("topic_id in ($3, '')", '$3 is not null'),
    tests: contract,
  },
  {
    name: 'rebuild: rows that were loaded meanwhile are lost when the shadow replaces BRONZE',
    file: rebuild,
    place: 'rebuild.loaded-meanwhile',
    change: swap('where keep_from < keep_to', 'where keep_from < keep_to and not is_above'),
    tests: replay,
  },
  {
    name: 'rebuild: a shadow with fewer rows than BRONZE replaces it',
    file: rebuild,
    place: 'rebuild.missing-rows',
    change: swap(/filter\(.*\)/, 'filter(() => false)'),
    tests: replay,
  },
  {
    name: 'warehouse: a record that was sent back is a row again',
    file: sentBack,
    place: 'warehouse.sent-back',
    change: remove,
    tests: contract,
  },
  {
    name: 'warehouse: a record that was sent back is a row beside its original',
    file: sentBack,
    place: 'warehouse.sent-back-beside',
    change: remove,
    tests: contract,
  },
  {
    name: 'rebuild: a record that was sent back is a row again after the rebuild',
    file: rebuild,
    place: 'rebuild.sent-back-meanwhile',
    change: swap('same.fetched_at is null or', 'true or'),
    tests: replay,
  },
  {
    name: 'rebuild: the row of a record that was sent back counts as lost',
    file: rebuild,
    place: 'rebuild.sent-back',
    change: swap(/filter\(.*\)\.map/, 'map'),
    tests: replay,
  },
  {
    name: 'replay: a record that was sent back is added at its first offset',
    file: 'warehouse/replay-table.ts',
    place: 'replay.redriven-before',
    change: swap('() => true', '() => false'),
    tests: replay,
  },
  {
    name: 'adoption: a loader of the former cluster loads again',
    file: 'warehouse/adoption.ts',
    place: 'adoption.former-cluster',
    change: always,
    tests: replay,
  },
  {
    name: 'adoption: positions that have moved since the comparison are adopted',
    file: 'warehouse/adoption.ts',
    place: 'adoption.compared-positions',
    change: always,
    tests: replay,
  },
  {
    name: 'adoption: a mirror with another record counts as the same',
    file: 'replay/mirror-comparison.ts',
    place: 'adoption.same-record',
    change: never,
    tests: mirror,
  },
  {
    name: 'adoption: a mirror that lacks a record counts as the same',
    file: 'replay/mirror-comparison.ts',
    place: 'adoption.rows-left',
    change: never,
    tests: mirror,
  },
  {
    name: 'replay: existing rows are added again',
    file: 'warehouse/replay-table.ts',
    place: 'replay.existing-rows',
    change: swap(/ && !there.*?\)/, ''),
    tests: replay,
  },
];
