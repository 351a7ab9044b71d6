import { UsageError } from '../../../runtime/errors.ts';
import { identifierHint, parseIdentifier } from './identifiers.ts';
import { adminRoles } from './model.ts';
import type { PublicKey } from './public-key.ts';

/** The account's objects, by their role for us. */
export interface Names {
  readonly database: string;
  /** May equal `transformWarehouse`: one virtual warehouse for both. */
  readonly ingestWarehouse: string;
  readonly transformWarehouse: string;
  /** Reads GOLD for the dashboard. */
  readonly dashboardWarehouse: string;
  /** Of the pipeline; that of the dashboard is named after it. */
  readonly monitor: string;
  readonly engineerRole: string;
  readonly analystRole: string;
  readonly loaderRole: string;
  readonly dbtRole: string;
  readonly dashboardRole: string;
  readonly loaderUser: string;
  readonly dbtUser: string;
  readonly dashboardUser: string;
}

/** A service's public keys. Absent: unchanged; null: to be removed. */
export interface ServiceKeys {
  readonly first?: PublicKey;
  readonly second?: PublicKey | null;
}

export interface ProvisionSettings {
  readonly names: Names;
  /** Credits a month, for the virtual warehouses of the pipeline in total, and again for that of the dashboard. */
  readonly creditQuota: number;
  readonly keys: { readonly loader: ServiceKeys; readonly dbt: ServiceKeys; readonly dashboard: ServiceKeys };
}

/** Other roles of these users and roles: not ours to grant or to revoke. */
const reserved = new Set<string>([...adminRoles, 'ORGADMIN', 'GLOBALORGADMIN', 'PUBLIC']);

const alike: readonly (readonly (keyof Names)[])[] = [
  ['engineerRole', 'analystRole', 'loaderRole', 'dbtRole', 'dashboardRole'],
  ['loaderUser', 'dbtUser', 'dashboardUser'],
  // The dashboard's queries must not keep the pipeline waiting.
  ['ingestWarehouse', 'dashboardWarehouse'],
  ['transformWarehouse', 'dashboardWarehouse'],
];

/**
 * Names in upper case, as Snowflake stores unquoted names.
 * @param settings the option behind each name, such as `--de-role`. @throws UsageError that lists every mistake.
 */
export function parseNames(given: Names, settings: Readonly<Record<keyof Names, string>>): Names {
  const mistakes: string[] = [];
  const parsed: Record<string, string> = {};
  for (const [key, setting] of Object.entries(settings)) {
    const text = given[key as keyof Names];
    const name = parseIdentifier(text);
    if (name === null) mistakes.push(`${setting} takes a name of ${identifierHint}, not ${JSON.stringify(text)}`);
    else if (key.endsWith('Role') && reserved.has(name))
      mistakes.push(`${setting}: ${name} is a role of Snowflake's own`);
    parsed[key] = name ?? '';
  }
  for (const keys of alike) {
    const used = keys.map((key) => parsed[key]).filter(Boolean);
    if (new Set(used).size < used.length) {
      mistakes.push(`${keys.map((key) => settings[key]).join(', ')} have to be different`);
    }
  }
  if (mistakes.length > 0) throw new UsageError(mistakes.join('\n'));
  return parsed as unknown as Names;
}
