import { differences } from '../../warehouse/snowflake/provision/diff.ts';
import { nothingObserved } from '../../warehouse/snowflake/provision/model.ts';
import { script, stepsOf } from '../../warehouse/snowflake/provision/script.ts';
import { names } from '../support/snowflake/provision-settings.ts';

/** Where `npm run docs` writes the SQL. */
export const provisionFile = 'deploy/snowflake/provision.sql';

const header = `-- What \`warehouse provision\` creates in an empty Snowflake account: the roles with the rights that each service needs, and no others,
-- users, tables, virtual warehouses and resource monitors. \`npm run docs\` writes this file from the code that provisions. Do not edit it.
--
-- It has the default names and no keys: \`npx tmdb-stream warehouse provision --print\` prints the SQL with yours. docs/snowflake.md
-- explains the roles.
`;

/** The SQL for an account with the default names, without keys. */
export function provisionSql(): string {
  const settings = { names, creditQuota: 100, keys: { loader: {}, dbt: {}, dashboard: {} } };
  return `${header}\n${script(stepsOf(differences(settings, nothingObserved)))}\n`;
}

/** The statements of the file. */
export const statementsIn = (sql: string): string[] =>
  sql
    .replaceAll(/^--.*\n/gm, '')
    .split(/;\n/)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
