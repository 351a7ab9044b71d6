import { UsageError } from '../runtime/errors.ts';
import { identifierHint, parseIdentifier } from '../warehouse/snowflake/provision/identifiers.ts';
import { json } from './common-options.ts';
import { type CommandGroup, defineCommand } from './engine/command.ts';
import { defaulted, flag, single, type ValueType } from './engine/option.ts';
import { count, file, text } from './engine/value-types.ts';

const name: ValueType<string> = {
  placeholder: 'NAME',
  form: `a name of ${identifierHint}, such as DE_ROLE`,
  parse: (text) => parseIdentifier(text) ?? undefined,
};

const publicKey = file("the file of a public key, as openssl's -pubout writes it");
const publicKeyOrNone = file('the file of a public key, or "none"');

const provision = defineCommand({
  name: 'provision',
  summary: 'create or correct the objects of a Snowflake account',
  description: [
    "Creates the missing parts of a Snowflake account: the database, its schemas and BRONZE's tables, the warehouses and " +
      'their monitors, the roles, their grants, and the users of the services. It corrects differences, and revokes what ' +
      'these roles and users were granted beyond the plan. A second run changes nothing. If it is interrupted, run it again ' +
      'to resume.',
    'SNOWFLAKE_DATABASE, SNOWFLAKE_INGEST_WAREHOUSE, SNOWFLAKE_TRANSFORM_WAREHOUSE and SNOWFLAKE_ANALYST_ROLE name the ' +
      'database, two warehouses and the role of analysts. You need ACCOUNTADMIN, or SECURITYADMIN and SYSADMIN for --check; each statement runs ' +
      'as the lowest role that may run it.',
  ],
  examples: [
    ['warehouse provision --print', 'print the SQL; needs no account'],
    ['warehouse provision --loader-key loader.pub --dbt-key dbt.pub', 'create everything'],
    ['warehouse provision --check', 'compare; exit code 5 if anything differs'],
  ],
  options: {
    print: flag('print the SQL for an empty account; needs no account and no credentials'),
    check: flag('compare and change nothing'),
    loaderKey: single(publicKey, "the loader's public key; without this option the key stays as it is"),
    loaderKey2: single(publicKeyOrNone, 'a second key, valid beside the first until you give "none"'),
    dbtKey: single(publicKey, "dbt's public key"),
    dbtKey2: single(publicKeyOrNone, 'a second key, or "none"'),
    dashboardKey: single(publicKey, "the dashboard's public key"),
    dashboardKey2: single(publicKeyOrNone, 'a second key, or "none"'),
    creditQuota: defaulted(
      count(1, 999_999),
      '100',
      'credits per month for the virtual warehouses of the loader and dbt, and as many for that of the dashboard: ' +
        'warnings at 75 and 90 percent, no new statements at 100, running statements end at 110',
    ),
    deRole: defaulted(name, 'DE_ROLE', 'the role of engineers'),
    analystRole: single(name, 'the role of analysts (default SNOWFLAKE_ANALYST_ROLE, to which dbt grants GOLD)'),
    loaderRole: defaulted(name, 'LOADER_ROLE', 'the role of the loader'),
    dbtRole: defaulted(name, 'DBT_ROLE', 'the role of dbt'),
    dashboardRole: single(
      name,
      'the role of the dashboard (default SNOWFLAKE_DASHBOARD_ROLE, or else LECTURE_DASHBOARD_ROLE)',
    ),
    loaderUser: defaulted(name, 'LECTURE_LOADER', 'the user of the loader'),
    dbtUser: defaulted(name, 'LECTURE_DBT', 'the user of dbt'),
    dashboardUser: defaulted(name, 'LECTURE_DASHBOARD', 'the user of the dashboard'),
    dashboardWarehouse: single(
      name,
      'the virtual warehouse of the dashboard (default SNOWFLAKE_DASHBOARD_WAREHOUSE, or else LECTURE_DASHBOARD_WH)',
    ),
    monitor: defaulted(name, 'LECTURE_MONITOR', 'the resource monitor; NAME_DASHBOARD is that of the dashboard'),
    json,
  },
  check: ({ print, check }) => {
    if (print && check) throw new UsageError('--print and --check cannot be combined');
  },
  isOffline: ({ print }) => print,
  exits: {
    5: 'something is missing, different, or granted beyond the plan; without --check, if it is still so after the changes',
  },
  shape: async () => (await import('./actions/warehouse-provision.ts')).provisionShape,
  load: async () => (await import('./actions/warehouse-provision.ts')).provisionAccount,
});

const migrate = defineCommand({
  name: 'migrate',
  summary: 'create missing tables and columns of BRONZE',
  description: [
    'Creates missing tables and columns of BRONZE, in DuckDB or in Snowflake (as DE_ROLE). Existing rows do not change. The ' +
      'loader does the same when it starts, and so does "warehouse provision".',
  ],
  examples: [['warehouse migrate', 'create what is missing']],
  options: { json },
  shape: async () => (await import('./actions/warehouse-migrate.ts')).migratedShape,
  load: async () => (await import('./actions/warehouse-migrate.ts')).migrate,
});

const clusterId = text('CLUSTER', 'the id of a Kafka cluster, such as J8s1t0zKQzWcLqv2mA7Z0g', /^[\w-]+$/);

const adoptCluster = defineCommand({
  name: 'adopt-cluster',
  summary: 'continue BRONZE on a Kafka cluster that mirrors the former one',
  description: [
    'Continues BRONZE on a Kafka cluster that mirrors the former one. It compares the raw topics of the current cluster ' +
      '(KAFKA_BROKERS) with BRONZE. If they have the same records at the same offsets, the ledger then belongs to the current ' +
      'cluster, and the loader starts after the last loaded record. Without this command, the loader loads a mirrored ' +
      'cluster from its first record.',
    'It compares movie, time, address and status of every record, and the document of one record in a hundred. At the first difference it ends with ' +
      'exit code 2 and names the record; BRONZE is then unchanged. A mirror that moves the offsets cannot be adopted. Run it before the first ' +
      'loader of the new cluster, while no loader runs. Loaders of the former cluster then refuse to load.',
  ],
  examples: [
    ['warehouse adopt-cluster --dry-run', 'only compare'],
    ['warehouse adopt-cluster', 'compare, and continue on the current cluster'],
  ],
  options: {
    from: single(clusterId, 'the mirrored cluster; needed if BRONZE has records of several other clusters'),
    dryRun: flag('only compare'),
    json,
  },
  writes: ['broker', 'warehouse'],
  tools: ['kafka'],
  shape: async () => (await import('../replay/adopt-cluster.ts')).adoptedShape,
  load: async () => (await import('./actions/warehouse-adopt-cluster.ts')).adopt,
});

export const warehouse: CommandGroup = {
  name: 'warehouse',
  summary: 'provision a Snowflake account, migrate BRONZE, or adopt a mirrored cluster',
  description: ['Prepares the warehouse.'],
  examples: [['warehouse provision --print', 'print the SQL for a Snowflake account']],
  commands: [provision, migrate, adoptCluster],
};
