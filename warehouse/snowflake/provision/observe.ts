import { plainGrant, toRole } from './grant-sql.ts';
import { part, quoted, unquoted } from './identifiers.ts';
import type { Grant, Observed, Query } from './model.ts';
import type { Names } from './names.ts';
import { objectLabel } from './objects.ts';
import { schemasOf } from './role-grants.ts';
import { warehousesByMonitor, warehousesOf } from './virtual-warehouses.ts';

type Row = Readonly<Record<string, unknown>>;

/** Snowflake's values for properties that are not set. */
const textOf = (value: unknown): string =>
  value === null || value === undefined || value === 'null' ? '' : String(value);

/** The days of Time Travel of an object, if they differ from those of the one around it. */
function ownRetention(row: Row, around: Row): Readonly<Record<string, string>> {
  const [own, inherited] = [row, around].map((one) => textOf(one['retention_time']));
  return { data_retention_time_in_days: own === undefined || own === inherited ? '' : own };
}

const useOwnRole = 'use role securityadmin';

/**
 * The observed state of our objects, from SHOW and DESCRIBE only. Runs as SECURITYADMIN: with MANAGE GRANTS it sees every object and all
 * grants; a role with fewer rights would see a part and report it as complete. @throws what `query` throws.
 */
export async function observe(query: Query, names: Names): Promise<Observed> {
  await query(useOwnRole);
  const look = new Look(query, names);
  await look.readRoles();
  await look.atDatabase();
  await look.atWarehouses();
  for (const name of warehousesByMonitor(names).keys()) await look.atMonitor(name);
  await look.atUsers();
  return look;
}

class Look implements Observed {
  readonly objects = new Map<string, Readonly<Record<string, string>>>();
  readonly grants: Grant[] = [];
  readonly present = new Map<string, readonly string[]>();
  readonly otherSchemas: string[] = [];
  readonly #query: Query;
  readonly #names: Names;

  constructor(query: Query, names: Names) {
    this.#query = query;
    this.#names = names;
  }

  async readRoles(): Promise<void> {
    const { engineerRole, analystRole, loaderRole, dbtRole, dashboardRole } = this.#names;
    for (const name of [engineerRole, analystRole, loaderRole, dbtRole, dashboardRole]) {
      const row = await this.#named('roles', name);
      if (!row) continue;
      this.objects.set(objectLabel('role', name), { comment: textOf(row['comment']) });
      await this.#atGrantsTo(name);
    }
  }

  async #atGrantsTo(name: string): Promise<void> {
    const grantee = toRole(name);
    for (const row of await this.#query(`show grants to role ${quoted(name)}`)) {
      this.grants.push({ ...grantIn(row, 'granted_on'), isFuture: false, grantee });
    }
    for (const row of await this.#query(`show future grants to role ${quoted(name)}`)) {
      const grant = grantIn(row, 'grant_on');
      // `LECTURE_DE.GOLD.<TABLE>` belongs to the schema.
      this.grants.push({ ...grant, name: grant.name.replace(/\.<[^.]*>$/, ''), isFuture: true, grantee });
    }
    for (const row of await this.#query(`show grants of role ${quoted(name)}`)) {
      // Which people have our roles is not part of the plan.
      if (row['granted_to'] !== 'ROLE' || row['grantee_name'] !== 'SYSADMIN') continue;
      this.grants.push(plainGrant('USAGE', 'ROLE', name, toRole('SYSADMIN')));
    }
  }

  async atDatabase(): Promise<void> {
    const { database } = this.#names;
    const found = await this.#named('databases', database);
    if (!found) return;
    const properties = { data_retention_time_in_days: textOf(found['retention_time']) };
    this.objects.set(objectLabel('database', database), properties);
    const { bronze, silver, gold } = schemasOf(this.#names);
    const ours = new Set([bronze, silver, gold]);
    const schemas = new Map<string, Row>();
    for (const row of await this.#query(`show schemas in database ${quoted(database)}`)) {
      const name = `${database}.${part(textOf(row['name']))}`;
      schemas.set(name, row);
      if (ours.has(name)) this.objects.set(objectLabel('schema', name), ownRetention(row, found));
      else if (!/\.(PUBLIC|INFORMATION_SCHEMA)$/.test(name)) this.otherSchemas.push(name);
    }
    await this.#atContents(bronze, ['TABLE', 'STAGE'], schemas.get(bronze));
    await this.#atContents(gold, ['TABLE', 'VIEW'], schemas.get(gold));
  }

  async #atContents(schema: string, kinds: readonly string[], row: Row | undefined): Promise<void> {
    if (!row) return;
    for (const kind of kinds) {
      const rows = await this.#query(`show ${kind.toLowerCase()}s in schema ${quoted(schema)}`);
      const found = rows.map((row) => part(textOf(row['name'])));
      this.present.set(`${kind} ${schema}`, found);
      for (const [index, name] of found.entries()) {
        this.objects.set(objectLabel(kind.toLowerCase(), `${schema}.${name}`), ownRetention(rows[index] ?? {}, row));
      }
    }
  }

  async atWarehouses(): Promise<void> {
    for (const name of warehousesOf(this.#names).keys()) {
      const row = await this.#named('warehouses', name);
      if (!row) continue;
      const timeouts = await this.#timeoutsOf(name);
      this.objects.set(objectLabel('warehouse', name), {
        warehouse_size: textOf(row['size']).toUpperCase().replaceAll('-', ''),
        auto_suspend: textOf(row['auto_suspend']),
        auto_resume: textOf(row['auto_resume']).toLowerCase(),
        ...parametersIn(timeouts),
      });
      const monitor = unquoted(textOf(row['resource_monitor']));
      this.objects.set(objectLabel('resource monitor of warehouse', name), { resource_monitor: monitor });
    }
  }

  /** The right to see a warehouse does not include its parameters. */
  async #timeoutsOf(warehouse: string): Promise<readonly Row[]> {
    await this.#query('use role sysadmin');
    const rows = await this.#query(`show parameters like 'STATEMENT_%' in warehouse ${quoted(warehouse)}`);
    await this.#query(useOwnRole);
    return rows;
  }

  async atMonitor(name: string): Promise<void> {
    const row = await this.#named('resource monitors', name);
    if (!row) return;
    const percents = (column: string) => {
      const shown = textOf(row[column]).replaceAll('%', '').split(',');
      return shown.map(Number).sort((a, b) => a - b);
    };
    this.objects.set(objectLabel('resource monitor', name), {
      credit_quota: String(Number(row['credit_quota'])),
      frequency: textOf(row['frequency']).toUpperCase(),
      triggers: `notify ${percents('notify_at')} suspend ${percents('suspend_at')} suspend_immediate ${percents('suspend_immediately_at')}`,
    });
  }

  async atUsers(): Promise<void> {
    const { loaderUser, dbtUser, dashboardUser } = this.#names;
    for (const name of [loaderUser, dbtUser, dashboardUser]) {
      if (!(await this.#named('users', name))) continue;
      const described = await this.#query(`describe user ${quoted(name)}`);
      const value = new Map(described.map((row) => [textOf(row['property']), unquoted(textOf(row['value']))]));
      this.objects.set(objectLabel('user', name), {
        type: value.get('TYPE') ?? '',
        default_role: value.get('DEFAULT_ROLE') ?? '',
        default_warehouse: value.get('DEFAULT_WAREHOUSE') ?? '',
        rsa_public_key: value.get('RSA_PUBLIC_KEY_FP') ?? '',
        rsa_public_key_2: value.get('RSA_PUBLIC_KEY_2_FP') ?? '',
        ...parametersIn(await this.#query(`show parameters like 'ABORT_DETACHED_QUERY' in user ${quoted(name)}`)),
      });
      const grantee = { kind: 'user', name } as const;
      for (const row of await this.#query(`show grants to user ${quoted(name)}`)) {
        const role = unquoted(textOf(row['role']));
        this.grants.push(
          role
            ? plainGrant('USAGE', 'ROLE', role, grantee)
            : { ...grantIn(row, 'granted_on'), isFuture: false, grantee },
        );
      }
    }
  }

  /** LIKE has wild cards, and `_` is one: of its results, only the one with exactly this name. */
  async #named(kind: string, name: string): Promise<Row | undefined> {
    const rows = await this.#query(`show ${kind} like '${name}'`);
    return rows.find((row) => row['name'] === name);
  }
}

const parametersIn = (rows: readonly Row[]): Record<string, string> =>
  Object.fromEntries(rows.map(({ key, value }) => [textOf(key).toLowerCase(), textOf(value).toLowerCase()]));

/** Ownership always has the grant option, which then means nothing. */
function grantIn(row: Row, onColumn: string): Pick<Grant, 'privilege' | 'on' | 'name' | 'isGrantable'> {
  const privilege = textOf(row['privilege']).toUpperCase();
  return {
    privilege,
    on: textOf(row[onColumn]).toUpperCase(),
    name: unquoted(textOf(row['name'])),
    isGrantable: privilege !== 'OWNERSHIP' && textOf(row['grant_option']).toLowerCase() === 'true',
  };
}
