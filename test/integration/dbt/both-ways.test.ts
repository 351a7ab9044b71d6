import { describe } from 'vitest';
import { openColdDbt, openWarmDbt } from '../../../transform/dbt/open-dbt.ts';
import { dbtContract } from '../../support/dbt/dbt-contract.ts';

// `npm run` commands run it cold: the fast tier has it in e2e.
describe('in a process for each command', { tags: ['full'] }, () => dbtContract('cold', openColdDbt));
dbtContract('warm', openWarmDbt);
