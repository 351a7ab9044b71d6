import type { Config } from '../platform/config.ts';
import type { Context } from '../platform/platform.ts';
import { withAccount } from '../platform/snowflake-account.ts';
import { ExitCode, UsageError } from '../runtime/errors.ts';
import { formatTable } from '../runtime/table.ts';
import { differences } from '../warehouse/snowflake/provision/diff.ts';
import { type Difference, nothingObserved } from '../warehouse/snowflake/provision/model.ts';
import {
  type Names,
  type ProvisionSettings,
  parseNames,
  type ServiceKeys,
} from '../warehouse/snowflake/provision/names.ts';
import { check, provision } from '../warehouse/snowflake/provision/provision.ts';
import { readPublicKey } from '../warehouse/snowflake/provision/public-key.ts';
import { script, stepsOf } from '../warehouse/snowflake/provision/script.ts';
import { allowOnly, countOf, print, type Values } from './command.ts';

const standardQuota = 100;

/** What each role, user and monitor is called unless told otherwise, and by which option. */
const standardNames = {
  engineerRole: { option: 'de-role', name: 'DE_ROLE' },
  analystRole: { option: 'analyst-role', name: 'ANALYST_ROLE' },
  loaderRole: { option: 'loader-role', name: 'LOADER_ROLE' },
  dbtRole: { option: 'dbt-role', name: 'DBT_ROLE' },
  loaderUser: { option: 'loader-user', name: 'LECTURE_LOADER' },
  dbtUser: { option: 'dbt-user', name: 'LECTURE_DBT' },
  monitor: { option: 'monitor', name: 'LECTURE_MONITOR' },
} as const;

const nameOptions = Object.values(standardNames).map(({ option }) => option);
const keyOptions = ['loader-key', 'loader-key-2', 'dbt-key', 'dbt-key-2'];
const texts = [...nameOptions, ...keyOptions, 'credit-quota'];

export const provisionOptions: Record<string, { readonly type: 'boolean' | 'string' }> = {
  print: { type: 'boolean' },
  check: { type: 'boolean' },
  ...Object.fromEntries(texts.map((name) => [name, { type: 'string' } as const])),
};

export const provisionHelp = `  --print           shows the SQL for an empty account, and does nothing: it takes no account and no credentials
  --check           compares and changes nothing. Exit code 1 when anything is missing, different, or granted beyond the plan
  --loader-key F    the loader's public key, a file of openssl's; --loader-key-2 F a second one, which is valid beside it until
                    --loader-key-2 none takes it away. Without the option a key stays as it is
  --dbt-key F       dbt's, and --dbt-key-2
  --credit-quota N  credits a month for all virtual warehouses (standard ${standardQuota}): warnings at 75 and 90 percent, no new
                    statements at 100, an end of those that run at 110
${Object.values(standardNames)
  .map(({ option, name }) => `  --${`${option} N`.padEnd(16)}(standard ${name})`)
  .join('\n')}

The database and the warehouses are those of SNOWFLAKE_DATABASE, SNOWFLAKE_INGEST_WAREHOUSE and SNOWFLAKE_TRANSFORM_WAREHOUSE. Whoever runs
it needs ACCOUNTADMIN; each statement is run as the lowest role that may. --check needs SECURITYADMIN and SYSADMIN. What those
roles and users were granted beyond the plan is taken back.`;

/** `warehouse provision`: Snowflake's objects, roles, grants and users as they should be. */
export async function provisionAccount(context: Context, values: Values): Promise<number> {
  allowOnly(values, 'warehouse provision', [...Object.keys(provisionOptions), 'json']);
  if (values['print'] && values['check']) throw new UsageError('--print and --check exclude each other');
  const settings = settingsOf(context.config, values);
  if (values['print']) return printScript(values, settings);
  return withAccount(context, async (query) => {
    if (!values['check']) {
      const { mended, remaining } = await provision(query, settings);
      return report(context, values, { mended, remaining });
    }
    return report(context, values, { mended: [], remaining: await check(query, settings) });
  });
}

function printScript(values: Values, settings: ProvisionSettings): number {
  const steps = stepsOf(differences(settings, nothingObserved));
  print(values, steps, () => script(steps));
  return ExitCode.done;
}

interface Report {
  readonly mended: readonly Difference[];
  readonly remaining: readonly Difference[];
}

function report({ progress }: Context, values: Values, { mended, remaining }: Report): number {
  progress[Symbol.dispose]();
  const shown = (found: readonly Difference[]) => found.map(({ what, change, detail }) => ({ change, what, detail }));
  print(values, { mended: shown(mended), remaining: shown(remaining) }, () => {
    if (mended.length + remaining.length === 0) return 'nothing to do: everything is as expected';
    const done = mended.length > 0 ? [`corrected ${mended.length}:\n${formatTable(shown(mended))}`] : [];
    const open =
      remaining.length > 0 ? [`not as expected, ${remaining.length}:\n${formatTable(shown(remaining))}`] : [];
    return [...done, ...open].join('\n\n');
  });
  return remaining.length === 0 ? ExitCode.done : ExitCode.failed;
}

/** @throws UsageError for a name, a key or a quota that cannot be. */
function settingsOf({ warehouse }: Config, values: Values): ProvisionSettings {
  const entries = Object.entries(standardNames);
  const given = {
    ...warehouse.names,
    ...Object.fromEntries(entries.map(([key, { option, name }]) => [key, String(values[option] ?? name)])),
  } as Names;
  const givenBy = {
    database: 'SNOWFLAKE_DATABASE',
    ingestWarehouse: 'SNOWFLAKE_INGEST_WAREHOUSE',
    transformWarehouse: 'SNOWFLAKE_TRANSFORM_WAREHOUSE',
    ...Object.fromEntries(entries.map(([key, { option }]) => [key, `--${option}`])),
  } as Record<keyof Names, string>;
  const creditQuota = countOf(values, 'credit-quota', standardQuota);
  if (creditQuota === 0) throw new UsageError('--credit-quota takes a number from 1 on: at 0 no warehouse would wake');
  const keys = { loader: keysOf(values, 'loader-key'), dbt: keysOf(values, 'dbt-key') };
  return { names: parseNames(given, givenBy), creditQuota, keys };
}

function keysOf(values: Values, option: string): ServiceKeys {
  const [first, second] = [values[option], values[`${option}-2`]];
  return {
    ...(first !== undefined && { first: readPublicKey(String(first), `--${option}`) }),
    ...(second === 'none' && { second: null }),
    ...(second !== undefined && second !== 'none' && { second: readPublicKey(String(second), `--${option}-2`) }),
  };
}
