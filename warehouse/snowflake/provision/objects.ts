import { quoted } from './identifiers.ts';
import type { Property, Step, Wanted } from './model.ts';
import type { ServiceKeys } from './names.ts';
import { autoSuspendSeconds, type WarehouseSettings } from './virtual-warehouses.ts';

/** Marks the roles that provisioning created: it changes no others. */
export const roleComment = 'tmdb-stream: made by warehouse provision';

export const objectLabel = (kind: string, name: string): string => `${kind} ${name}`;

export const role = (name: string): Wanted => ({
  label: objectLabel('role', name),
  properties: { comment: { is: roleComment, set: `comment = '${roleComment}'` } },
  create: { role: 'USERADMIN', sql: `create role if not exists ${quoted(name)} comment = '${roleComment}'` },
});

/** Time Travel keeps replaced and deleted documents, so it is one day: enough for a person to UNDROP a table. See `docs/runbook.md#expired-answers`. */
export function database(name: string): Wanted {
  const properties = { data_retention_time_in_days: word('data_retention_time_in_days', '1') };
  return {
    label: objectLabel('database', name),
    properties,
    create: { role: 'SYSADMIN', sql: `create database if not exists ${quoted(name)} ${setsOf(properties)}` },
    alter: alterBy('SYSADMIN', `alter database ${quoted(name)}`, properties),
  };
}

/** A schema or table has the Time Travel of its database: `observe` reports only another value. */
const inherited = { data_retention_time_in_days: { is: '', set: '' } };

/** Without managed access: dbt, which owns its models, grants on them itself. */
export const schema = (name: string): Wanted => ({
  label: objectLabel('schema', name),
  properties: inherited,
  create: { role: 'SYSADMIN', sql: `create schema if not exists ${quoted(name)}` },
  alter: alterBy('SYSADMIN', `alter schema ${quoted(name)}`, inherited),
});

/** A table that another statement defines. */
export const table = (name: string, create: Step): Wanted => ({
  label: objectLabel('table', name),
  properties: inherited,
  create,
  alter: alterBy(create.role, `alter table ${quoted(name)}`, inherited),
});

/** A stage, or a table with a Time Travel of its own. */
export const plainObject = (kind: 'stage' | 'table', name: string, create: Step): Wanted => ({
  label: objectLabel(kind, name),
  properties: {},
  create,
});

/** A virtual warehouse; suspended until its first statement. */
export function warehouse(name: string, settings: WarehouseSettings): Wanted {
  const properties = {
    warehouse_size: word('warehouse_size', settings.size),
    auto_suspend: word('auto_suspend', String(autoSuspendSeconds)),
    auto_resume: word('auto_resume', 'true'),
    statement_timeout_in_seconds: word('statement_timeout_in_seconds', String(settings.statementTimeoutSeconds)),
    statement_queued_timeout_in_seconds: word(
      'statement_queued_timeout_in_seconds',
      String(settings.queueTimeoutSeconds),
    ),
  };
  const sql = `create warehouse if not exists ${quoted(name)} with ${setsOf(properties)} initially_suspended = true`;
  return {
    label: objectLabel('warehouse', name),
    properties,
    create: { role: 'SYSADMIN', sql },
    alter: alterBy('SYSADMIN', `alter warehouse ${quoted(name)}`, properties),
  };
}

/** Percent of the quota: warnings, then no new statements, then running statements are ended. */
const triggers = { notify: [75, 90], suspend: [100], suspend_immediate: [110] };

/** A monthly limit to the cost of its warehouses. */
export function monitor(name: string, creditQuota: number): Wanted {
  const limits = Object.entries(triggers);
  const triggerList = limits.flatMap(([action, percents]) =>
    percents.map((percent) => `on ${percent} percent do ${action}`),
  );
  const properties = {
    credit_quota: word('credit_quota', String(creditQuota)),
    frequency: { is: 'MONTHLY', set: 'frequency = monthly start_timestamp = immediately' },
    triggers: {
      is: limits.map(([action, percents]) => `${action} ${percents.join(',')}`).join(' '),
      set: `triggers ${triggerList.join(' ')}`,
    },
  };
  const alter = alterBy('ACCOUNTADMIN', `alter resource monitor ${quoted(name)}`, properties);
  return {
    label: objectLabel('resource monitor', name),
    properties,
    create: {
      role: 'ACCOUNTADMIN',
      sql: `create resource monitor if not exists ${quoted(name)} with ${setsOf(properties)}`,
    },
    // TRIGGERS cannot follow SET alone, so SET always includes the quota.
    alter: (names) => alter(Object.keys(properties).filter((key) => key !== 'frequency' || names.includes(key))),
  };
}

/** Assigns the monitor to the warehouse. */
export function monitored(warehouseName: string, monitorName: string): Wanted {
  const set = `resource_monitor = ${quoted(monitorName)}`;
  const step: Step = { role: 'ACCOUNTADMIN', sql: `alter warehouse ${quoted(warehouseName)} set ${set}` };
  return {
    label: objectLabel('resource monitor of warehouse', warehouseName),
    properties: { resource_monitor: { is: monitorName, set } },
    create: step,
    alter: () => [step],
  };
}

interface UserSettings {
  readonly role: string;
  readonly warehouse: string;
  readonly keys: ServiceKeys;
}

/** A service user: it can log in with a key, never with a password. */
export function serviceUser(name: string, { role: ownRole, warehouse: ownWarehouse, keys }: UserSettings): Wanted {
  const { first, second } = keys;
  const properties = {
    type: word('type', 'SERVICE'),
    default_role: { is: ownRole, set: `default_role = ${quoted(ownRole)}` },
    default_warehouse: { is: ownWarehouse, set: `default_warehouse = ${quoted(ownWarehouse)}` },
    // A statement ends with its client: that of a killed process would otherwise continue, and hold its locks.
    abort_detached_query: word('abort_detached_query', 'true'),
    ...(first && { rsa_public_key: { is: first.fingerprint, set: `rsa_public_key = '${first.text}'` } }),
    ...(second && { rsa_public_key_2: { is: second.fingerprint, set: `rsa_public_key_2 = '${second.text}'` } }),
    ...(second === null && { rsa_public_key_2: { is: '', set: '' } }),
  };
  return {
    label: objectLabel('user', name),
    properties,
    create: { role: 'USERADMIN', sql: `create user if not exists ${quoted(name)} ${setsOf(properties)}` },
    alter: alterBy('USERADMIN', `alter user ${quoted(name)}`, properties),
    ...(!first && { note: 'without a public key: see --loader-key, --dbt-key and --dashboard-key' }),
  };
}

const word = (name: string, value: string): Property => ({ is: value, set: `${name} = ${value}` });

const setsOf = (properties: Readonly<Record<string, Property>>): string =>
  Object.values(properties)
    .map(({ set }) => set)
    .filter((set) => set !== '')
    .join(' ');

const alterBy =
  (by: string, alter: string, properties: Readonly<Record<string, Property>>) =>
  (names: readonly string[]): Step[] => {
    const sets = setsOf(Object.fromEntries(Object.entries(properties).filter(([name]) => names.includes(name))));
    const unset = names.filter((name) => properties[name]?.set === '');
    return [
      ...(sets === '' ? [] : [{ role: by, sql: `${alter} set ${sets}` }]),
      ...unset.map((name) => ({ role: by, sql: `${alter} unset ${name}` })),
    ];
  };
