import { rebuildPrefix } from '../../rebuild-sql.ts';
import { documentTables } from '../rebuild.ts';
import { grantOn, grantOnFuture, grantOnPresent } from './grant-sql.ts';
import type { Grant, Present, Wanted } from './model.ts';
import type { Names } from './names.ts';
import { pipelineWarehouses } from './virtual-warehouses.ts';

/** A role's grants, by the time at which they can be made. */
export interface RoleGrants {
  /** On the database, its schemas and the warehouses. */
  readonly places: readonly Wanted[];
  /** On future objects of a schema: before any object is created. */
  readonly future: readonly Wanted[];
  /** On existing tables, views and stages. */
  readonly contents: readonly Wanted[];
}

export const schemasOf = ({ database }: Names) => ({
  bronze: `${database}.BRONZE`,
  silver: `${database}.SILVER`,
  gold: `${database}.GOLD`,
});

/** @param present the existing tables and views: each needs its grants. */
export const roleGrants = (names: Names, present: Present): RoleGrants[] => [
  engineerGrants(names),
  loaderGrants(names, present),
  dbtGrants(names, present),
  analystGrants(names, present),
  dashboardGrants(names),
];

/** The rights of the services, through their roles; and the right to create, and so own, BRONZE's objects. */
function engineerGrants(names: Names): RoleGrants {
  const { engineerRole: to } = names;
  const { bronze } = schemasOf(names);
  const places = [
    grantOn('USAGE', 'DATABASE', names.database, to),
    ...['USAGE', 'CREATE TABLE', 'CREATE VIEW', 'CREATE STAGE'].map((privilege) =>
      grantOn(privilege, 'SCHEMA', bronze, to),
    ),
    ...[...pipelineWarehouses(names).keys()].flatMap((name) =>
      ['USAGE', 'OPERATE', 'MONITOR'].map((privilege) => grantOn(privilege, 'WAREHOUSE', name, to)),
    ),
  ];
  return { places, future: [], contents: [] };
}

/** On single tables of BRONZE; the loader may read and insert into all of them. */
const changedByLoader: readonly (readonly [privilege: string, table: string])[] = [
  ['UPDATE', 'LOAD_POSITIONS'],
  ['UPDATE', 'LOAD_LOCK'],
  ['DELETE', 'LOAD_LINES'],
];

/** Inserts into BRONZE; it cannot change existing rows, except the ledger's positions. */
function loaderGrants(names: Names, present: Present): RoleGrants {
  const { loaderRole: to } = names;
  const { bronze } = schemasOf(names);
  const everyTable = onAll(['SELECT', 'INSERT'], 'TABLE', bronze, to, present);
  return {
    places: [
      grantOn('USAGE', 'DATABASE', names.database, to),
      grantOn('USAGE', 'SCHEMA', bronze, to),
      grantOn('USAGE', 'WAREHOUSE', names.ingestWarehouse, to),
    ],
    future: everyTable.future,
    contents: [
      ...everyTable.contents,
      ...changedByLoader.map(([privilege, table]) => grantOn(privilege, 'TABLE', `${bronze}.${table}`, to)),
      ...onFiles(bronze, to),
    ],
  };
}

/** Privileges on individual tables of BRONZE: the process that runs dbt also purges expired answers, as the same user. dbt itself only reads BRONZE. */
const changedByPurge: readonly (readonly [privilege: string, table: string])[] = [
  ...documentTables.map((table) => ['UPDATE', table.toUpperCase()] as const),
  ['UPDATE', 'LOAD_LOCK'],
  ['INSERT', 'PURGES'],
  ['UPDATE', 'PURGES'],
  ['DELETE', 'LOAD_LINES'],
];

/** A role that writes or removes the files of large batches. */
const onFiles = (bronze: string, to: string): Wanted[] =>
  ['READ', 'WRITE'].map((privilege) => grantOn(privilege, 'STAGE', `${bronze}.LOAD_FILES`, to));

/** The tables of a rebuild that is not finished, whose documents expire too. */
function onRebuild(bronze: string, present: Present): string[] {
  const names = documentTables.map((table) => `${rebuildPrefix}${table}`.toUpperCase());
  const there = present.get(`TABLE ${bronze}`) ?? [];
  return names.filter((name) => there.includes(name)).map((name) => `${bronze}.${name}`);
}

/** Reads BRONZE, replaces its expired documents, and creates (and so owns) SILVER and GOLD. */
function dbtGrants(names: Names, present: Present): RoleGrants {
  const { dbtRole: to } = names;
  const { bronze, silver, gold } = schemasOf(names);
  const builds = ['USAGE', 'CREATE TABLE', 'CREATE VIEW'];
  const everyTable = onAll(['SELECT'], 'TABLE', bronze, to, present);
  return {
    places: [
      grantOn('USAGE', 'DATABASE', names.database, to),
      grantOn('USAGE', 'SCHEMA', bronze, to),
      ...[silver, gold].flatMap((name) => builds.map((privilege) => grantOn(privilege, 'SCHEMA', name, to))),
      grantOn('USAGE', 'WAREHOUSE', names.transformWarehouse, to),
    ],
    future: everyTable.future,
    contents: [
      ...everyTable.contents,
      ...changedByPurge.map(([privilege, table]) => grantOn(privilege, 'TABLE', `${bronze}.${table}`, to)),
      ...onRebuild(bronze, present).map((table) => grantOn('UPDATE', 'TABLE', table, to)),
      ...onFiles(bronze, to),
    ],
  };
}

/**
 * Reads GOLD, and nothing else. It has no warehouse: the queries of analysts would keep ours running and use up its
 * quota, and with it the pipeline's. Analysts have another role with a warehouse, to which this role is granted.
 */
function analystGrants(names: Names, present: Present): RoleGrants {
  const { analystRole: to } = names;
  const { gold } = schemasOf(names);
  const [tables, views] = ['TABLE', 'VIEW'].map((on) => onAll(['SELECT'], on, gold, to, present));
  return {
    places: [grantOn('USAGE', 'DATABASE', names.database, to), grantOn('USAGE', 'SCHEMA', gold, to)],
    future: [...(tables?.future ?? []), ...(views?.future ?? [])],
    contents: [...(tables?.contents ?? []), ...(views?.contents ?? [])],
  };
}

/** A virtual warehouse of its own; it reads GOLD by the role of analysts. */
const dashboardGrants = ({ dashboardRole, dashboardWarehouse }: Names): RoleGrants => ({
  places: [grantOn('USAGE', 'WAREHOUSE', dashboardWarehouse, dashboardRole)],
  ...{ future: [], contents: [] },
});

function onAll(privileges: readonly string[], on: string, schema: string, to: string, present: Present) {
  const names = present.get(`${on} ${schema}`) ?? [];
  return {
    future: privileges.map((privilege) => grantOnFuture(privilege, on, schema, to)),
    contents: privileges.flatMap((privilege) => grantOnPresent(privilege, on, schema, to, names)),
  };
}

/** The creator of an object owns it: the engineers' role any object in the database, dbt's role its models. */
export function isOwnWork({ privilege, name, isFuture, grantee }: Grant, names: Names): boolean {
  const { silver, gold } = schemasOf(names);
  const places: Readonly<Record<string, readonly string[]>> = {
    [names.engineerRole]: [names.database],
    [names.dbtRole]: [silver, gold],
  };
  const own = grantee.kind === 'role' ? (places[grantee.name] ?? []) : [];
  return privilege === 'OWNERSHIP' && !isFuture && own.some((place) => name.startsWith(`${place}.`));
}
