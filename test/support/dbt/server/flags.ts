import { join } from 'node:path';
import { tier } from '../../../tiers.ts';

const environment = process.env['TEST_DBT_ENVIRONMENT'];

/**
 * The arguments with which a process of the command line starts dbt by the server. Empty outside the fast tier: there, each dbt starts
 * in its own process, as for users.
 */
export const forkedDbt: { readonly flags: readonly string[]; readonly env: Readonly<Record<string, string>> } =
  tier === 'fast' && environment !== undefined
    ? { flags: ['--import', join(import.meta.dirname, 'hook.ts')], env: { TEST_DBT_ENVIRONMENT: environment } }
    : { flags: [], env: {} };
