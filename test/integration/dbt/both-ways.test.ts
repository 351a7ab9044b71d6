import { openColdDbt, openWarmDbt } from '../../../lib/dbt/dbt.ts';
import { dbtContract } from './support/dbt-contract.ts';

dbtContract('cold', openColdDbt);
dbtContract('warm', openWarmDbt);
