import { remove, swap } from '../change.ts';
import type { Mutant } from '../mutant.ts';

const snowflake = { files: ['test/contract/snowflake-purge.test.ts'] };
const duckDb = { files: ['test/contract/duckdb-purge.test.ts'] };
const replaced = 'warehouse/snowflake/replace-expired.ts';

/** Expired documents leave both warehouses, and dbt reads their batches again. */
export const purgeMutants: readonly Mutant[] = [
  {
    name: 'discovery: a purge in Snowflake keeps the numbers of its batches, so dbt does not read them again',
    file: replaced,
    place: 'snowflake.purge-renumbered',
    change: swap(`prefix === '' ? lastSeq + BigInt(index + 1) : loadSeq`, 'loadSeq'),
    tests: { ...snowflake, only: 'gives their batches new numbers' },
  },
  {
    name: 'discovery: a purge in Snowflake stops at a row whose batch is not in the ledger',
    file: replaced,
    place: 'snowflake.purge-lines',
    change: swap(/= await countIn.*;/, '= part.batches.length;'),
    tests: { ...snowflake, only: 'whose batch is not in the ledger' },
  },
  {
    name: 'discovery: a purge in Snowflake commits although it has lost the transform lease',
    file: replaced,
    place: 'snowflake.purge-lease',
    change: remove,
    tests: { ...snowflake, only: 'commits nothing after the loss' },
  },
  {
    name: 'discovery: a purge in Snowflake does not notice that a batch has changed since its search',
    file: replaced,
    place: 'snowflake.purge-changed',
    change: swap(/= !isThere.*;/, '= false;'),
    tests: { ...snowflake, only: 'searches again' },
  },
  {
    name: 'discovery: a build finishes a purge that replaces documents after it, in Snowflake',
    file: 'warehouse/snowflake/purged-before.ts',
    place: 'snowflake.cutoff-again',
    change: swap(/recorded_at = \$\{now\}/, 'recorded_at = recorded_at'),
    tests: { ...snowflake, only: 'since that build began' },
  },
  {
    name: 'discovery: a build finishes a purge that replaces documents after it, in DuckDB',
    file: 'warehouse/duckdb/purged-before.ts',
    place: 'purge.cutoff-again',
    change: swap('recorded_at = $2::timestamp', 'recorded_at = recorded_at'),
    tests: { ...duckDb, only: 'since that build began' },
  },
  {
    name: 'discovery: after a rebuild without expired documents, nothing is left to purge in Snowflake',
    file: 'warehouse/snowflake/rebuild.ts',
    place: 'snowflake.rebuild-reopens',
    change: remove,
    tests: { ...snowflake, only: 'whose records have expired meanwhile' },
  },
  {
    name: 'discovery: after a rebuild without expired documents, nothing is left to purge in DuckDB',
    file: 'warehouse/duckdb/rebuild.ts',
    place: 'purge.rebuild-reopens',
    change: remove,
    tests: { ...duckDb, only: 'whose records have expired meanwhile' },
  },
  {
    name: 'discovery: a purge removes the file of a load that is still running in Snowflake',
    file: 'warehouse/snowflake/leftovers.ts',
    place: 'snowflake.old-files',
    change: swap(/= rows.filter.*;/, '= rows;'),
    tests: { ...snowflake, only: 'interrupted loads have left' },
  },
  {
    name: 'discovery: a purge removes the temporary folder of a load that is still running',
    file: 'runtime/temporary-folder.ts',
    place: 'purge.old-folders',
    change: remove,
    tests: { files: ['test/unit/runtime/temporary-folder.test.ts'] },
  },
  {
    name: 'discovery: the documents beside an expired one are counted twice in the shapes',
    file: 'dbt/models/silver/silver_document_shapes.sql',
    place: 'dbt.shapes-purged',
    change: swap('where {{', 'where false and {{'),
    tests: { files: ['test/integration/dbt/drift.test.ts'], only: 'one run' },
  },
];
