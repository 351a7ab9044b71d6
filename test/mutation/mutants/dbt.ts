import type { Mutant } from '../mutant.ts';

const late = {
  files: ['test/integration/dbt/incremental.test.ts'],
  only: 'committed late under a lower number',
};
const batches = 'dbt/macros/batches.sql';

const isUnsealed = `where not exists (
    select 1
    from {{ run_log("sealed_batches") }} as sealed
    where sealed.batch_id = loaded.batch_id and sealed.load_seq = loaded.load_seq
)`;

/** SILVER is the newest answer, whatever order batches came in. */
export const dbtMutants: readonly Mutant[] = [
  {
    name: 'dbt: batches are sealed by number: one that was committed late is never seen',
    file: batches,
    find: isUnsealed,
    replace: `where loaded.load_seq > (
    select coalesce(max(sealed.load_seq), 0) from {{ run_log("sealed_batches") }} as sealed
)`,
    tests: late,
  },
  {
    name: 'dbt: batches are sealed by time',
    file: batches,
    find: isUnsealed,
    replace: `where loaded.loaded_at > (
    select coalesce(max(sealed.sealed_at), timestamp '1970-01-01') from {{ run_log("sealed_batches") }} as sealed
)`,
    tests: late,
  },
  {
    name: 'dbt: of several answers the one that was loaded last wins',
    file: batches,
    find: '{{ of }}fetched_at desc, {{ of }}load_seq desc',
    replace: '{{ of }}load_seq desc, {{ of }}fetched_at desc',
    tests: late,
  },
];
