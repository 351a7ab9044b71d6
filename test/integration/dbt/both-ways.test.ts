import { describe } from 'vitest';
import { openColdDbt, openWarmDbt } from '../../../transform/dbt/open-dbt.ts';
import { dbtContract } from '../../support/dbt/dbt-contract.ts';

// `npm run` commands start dbt in this way. In the fast tier, the e2e tests cover it.
describe('in a process for each command', { tags: ['full'] }, () => dbtContract('cold', openColdDbt));
dbtContract('warm', openWarmDbt);
