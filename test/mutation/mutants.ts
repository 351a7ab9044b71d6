import type { Mutant } from './mutant.ts';
import { dbtMutants } from './mutants/dbt.ts';
import { discoveryMutants } from './mutants/discovery.ts';
import { fetcherMutants } from './mutants/fetcher.ts';
import { kafkaMutants } from './mutants/kafka.ts';
import { loaderMutants } from './mutants/loader.ts';
import { purgeMutants } from './mutants/purge.ts';
import { snowflakeMutants } from './mutants/snowflake.ts';
import { tokenMutants } from './mutants/tokens.ts';
import { warehouseMutants } from './mutants/warehouse.ts';

/** The token bucket, the ledger and the order of commits: the tests of `npm test` alone kill these mutants. */
export const coreMutants: readonly Mutant[] = [
  ...loaderMutants,
  ...warehouseMutants,
  ...fetcherMutants,
  ...tokenMutants,
];

export const mutants: readonly Mutant[] = [
  ...coreMutants,
  ...discoveryMutants,
  ...purgeMutants,
  ...snowflakeMutants,
  ...kafkaMutants,
  ...dbtMutants,
];
