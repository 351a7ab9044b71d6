import { join } from 'node:path';
import { tier } from '../../../tiers.ts';

const environment = process.env['TEST_DBT_ENVIRONMENT'];

/**
 * What a process of the command line needs to start dbt by the server. Empty outside the fast tier: there each dbt starts by
 * itself, as it does for users.
 */
export const forkedDbt: { readonly flags: readonly string[]; readonly env: Readonly<Record<string, string>> } =
  tier === 'fast' && environment !== undefined
    ? { flags: ['--import', join(import.meta.dirname, 'hook.ts')], env: { TEST_DBT_ENVIRONMENT: environment } }
    : { flags: [], env: {} };
