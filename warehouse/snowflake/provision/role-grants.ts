import { grantOn, grantOnFuture, grantOnPresent } from './grants.ts';
import type { Grant, Present, Wanted } from './model.ts';
import type { Names } from './names.ts';
import { warehousesOf } from './virtual-warehouses.ts';

/** A role's grants, by when they can be made. */
export interface RoleGrants {
  /** On the database, its schemas and the warehouses. */
  readonly places: readonly Wanted[];
  /** On what will be made in a schema: to be granted before anything is. */
  readonly future: readonly Wanted[];
  /** On tables, views and stages that are there. */
  readonly contents: readonly Wanted[];
}

export const schemasOf = ({ database }: Names) => ({
  bronze: `${database}.BRONZE`,
  silver: `${database}.SILVER`,
  gold: `${database}.GOLD`,
});

/** @param present the tables and views that are there: grants are for each of them. */
export const roleGrants = (names: Names, present: Present): RoleGrants[] => [
  engineerGrants(names),
  loaderGrants(names, present),
  dbtGrants(names, present),
  analystGrants(names, present),
];

/** What the services may, by their roles; and to make what BRONZE is made of, and so to own it. */
function engineerGrants(names: Names): RoleGrants {
  const { engineerRole: to } = names;
  const { bronze } = schemasOf(names);
  const places = [
    grantOn('USAGE', 'DATABASE', names.database, to),
    ...['USAGE', 'CREATE TABLE', 'CREATE VIEW', 'CREATE STAGE'].map((privilege) =>
      grantOn(privilege, 'SCHEMA', bronze, to),
    ),
    ...[...warehousesOf(names).keys()].flatMap((name) =>
      ['USAGE', 'OPERATE', 'MONITOR'].map((privilege) => grantOn(privilege, 'WAREHOUSE', name, to)),
    ),
  ];
  return { places, future: [], contents: [] };
}

/** Of single tables of BRONZE; from all of them the loader reads, and to all it adds. */
const changedByLoader: readonly (readonly [privilege: string, table: string])[] = [
  ['UPDATE', 'LOAD_POSITIONS'],
  ['UPDATE', 'LOAD_TURN'],
  ['DELETE', 'LOAD_LINES'],
];

/** Adds to BRONZE; what is there it cannot change, the ledger's positions aside. */
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
      ...['READ', 'WRITE'].map((privilege) => grantOn(privilege, 'STAGE', `${bronze}.LOAD_FILES`, to)),
    ],
  };
}

/** Reads BRONZE, and makes (and so owns) SILVER and GOLD. */
function dbtGrants(names: Names, present: Present): RoleGrants {
  const { dbtRole: to } = names;
  const { bronze, silver, gold } = schemasOf(names);
  const builds = ['USAGE', 'CREATE TABLE', 'CREATE VIEW'];
  return {
    places: [
      grantOn('USAGE', 'DATABASE', names.database, to),
      grantOn('USAGE', 'SCHEMA', bronze, to),
      ...[silver, gold].flatMap((name) => builds.map((privilege) => grantOn(privilege, 'SCHEMA', name, to))),
      grantOn('USAGE', 'WAREHOUSE', names.transformWarehouse, to),
    ],
    ...onAll(['SELECT'], 'TABLE', bronze, to, present),
  };
}

/**
 * Reads GOLD, and nothing else. Not even a warehouse: the analysts' own queries on ours would keep it awake and use up its
 * quota, and with it the pipeline's. Their warehouse comes with a role of their own, to which this one is granted.
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

function onAll(privileges: readonly string[], on: string, schema: string, to: string, present: Present) {
  const names = present.get(`${on} ${schema}`) ?? [];
  return {
    future: privileges.map((privilege) => grantOnFuture(privilege, on, schema, to)),
    contents: privileges.flatMap((privilege) => grantOnPresent(privilege, on, schema, to, names)),
  };
}

/** Whoever makes an object owns it: engineers' role whatever it likes in the database, dbt's its models. */
export function isOwnWork({ privilege, name, isFuture, grantee }: Grant, names: Names): boolean {
  const { silver, gold } = schemasOf(names);
  const places: Readonly<Record<string, readonly string[]>> = {
    [names.engineerRole]: [names.database],
    [names.dbtRole]: [silver, gold],
  };
  const own = grantee.kind === 'role' ? (places[grantee.name] ?? []) : [];
  return privilege === 'OWNERSHIP' && !isFuture && own.some((place) => name.startsWith(`${place}.`));
}
