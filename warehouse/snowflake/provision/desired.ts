import { statementsOf } from '../warehouse.ts';
import { grantRole, toRole } from './grants.ts';
import { quoted } from './identifiers.ts';
import type { Present, Wanted } from './model.ts';
import type { Names, ProvisionSettings } from './names.ts';
import { database, monitor, monitored, objectLabel, role, schema, serviceUser, warehouse } from './objects.ts';
import { roleGrants, schemasOf } from './role-grants.ts';
import { warehousesOf } from './virtual-warehouses.ts';

/**
 * All that is to be in the account, in the order in which it is to be made.
 * @param present the tables and views that grants are for one by one: those to come have future grants.
 */
export function desiredState({ names, creditQuota, keys }: ProvisionSettings, present: Present): Wanted[] {
  const { loaderRole, dbtRole, engineerRole, analystRole, loaderUser, dbtUser } = names;
  const grants = roleGrants(names, present);
  return [
    ...[engineerRole, analystRole, loaderRole, dbtRole].map(role),
    ...[engineerRole, analystRole].map((name) => grantRole(name, toRole('SYSADMIN'))),
    ...[loaderRole, dbtRole].map((name) => grantRole(name, toRole(engineerRole))),
    database(names.database),
    ...Object.values(schemasOf(names)).map(schema),
    ...[...warehousesOf(names)].map(([name, settings]) => warehouse(name, settings)),
    ...grants.flatMap(({ places }) => places),
    ...grants.flatMap(({ future }) => future),
    ...bronzeObjects(names),
    ...grants.flatMap(({ contents }) => contents),
    serviceUser(loaderUser, { role: loaderRole, warehouse: names.ingestWarehouse, keys: keys.loader }),
    serviceUser(dbtUser, { role: dbtRole, warehouse: names.transformWarehouse, keys: keys.dbt }),
    grantRole(loaderRole, { kind: 'user', name: loaderUser }),
    grantRole(dbtRole, { kind: 'user', name: dbtUser }),
    monitor(names.monitor, creditQuota),
    ...[...warehousesOf(names).keys()].map((name) => monitored(name, names.monitor)),
  ];
}

/** BRONZE's tables and stage, made by engineers' role so that it owns them: that alone may alter, swap and drop them. */
const bronzeObjects = (names: Names): Wanted[] =>
  statementsOf('').map(({ sql, name }) => {
    const path = `${schemasOf(names).bronze}.${name.toUpperCase()}`;
    return {
      label: objectLabel(sql.startsWith('create stage') ? 'stage' : 'table', path),
      properties: {},
      create: { role: names.engineerRole, sql: sql.replace(`bronze.${name}`, quoted(path)) },
    };
  });
