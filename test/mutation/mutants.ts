import type { Mutant } from './mutant.ts';
import { dbtMutants } from './mutants/dbt.ts';
import { fetcherMutants } from './mutants/fetcher.ts';
import { kafkaMutants } from './mutants/kafka.ts';
import { loaderMutants } from './mutants/loader.ts';
import { snowflakeMutants } from './mutants/snowflake.ts';
import { tokenMutants } from './mutants/tokens.ts';
import { warehouseMutants } from './mutants/warehouse.ts';

export const mutants: readonly Mutant[] = [
  ...loaderMutants,
  ...warehouseMutants,
  ...snowflakeMutants,
  ...fetcherMutants,
  ...tokenMutants,
  ...kafkaMutants,
  ...dbtMutants,
];
