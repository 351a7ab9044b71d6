import { statementsOf } from '../warehouse.ts';
import { grantRole, toRole } from './grant-sql.ts';
import { quoted } from './identifiers.ts';
import type { Present, Wanted } from './model.ts';
import type { Names, ProvisionSettings } from './names.ts';
import { database, monitor, monitored, plainObject, role, schema, serviceUser, table, warehouse } from './objects.ts';
import { roleGrants, schemasOf } from './role-grants.ts';
import { warehousesByMonitor, warehousesOf } from './virtual-warehouses.ts';

/**
 * Everything that the account should contain, in the order of creation.
 * @param present the tables and views that need individual grants: future ones have future grants.
 */
export function desiredState({ names, creditQuota, keys }: ProvisionSettings, present: Present): Wanted[] {
  const { loaderRole, dbtRole, dashboardRole, engineerRole, analystRole } = names;
  const { loaderUser, dbtUser, dashboardUser } = names;
  const grants = roleGrants(names, present);
  return [
    ...[engineerRole, analystRole, loaderRole, dbtRole, dashboardRole].map(role),
    ...[engineerRole, analystRole, dashboardRole].map((name) => grantRole(name, toRole('SYSADMIN'))),
    ...[loaderRole, dbtRole].map((name) => grantRole(name, toRole(engineerRole))),
    grantRole(analystRole, toRole(dashboardRole)),
    database(names.database),
    ...Object.values(schemasOf(names)).map(schema),
    ...[...warehousesOf(names)].map(([name, settings]) => warehouse(name, settings)),
    ...grants.flatMap(({ places }) => places),
    ...grants.flatMap(({ future }) => future),
    ...bronzeObjects(names),
    ...grants.flatMap(({ contents }) => contents),
    serviceUser(loaderUser, { role: loaderRole, warehouse: names.ingestWarehouse, keys: keys.loader }),
    serviceUser(dbtUser, { role: dbtRole, warehouse: names.transformWarehouse, keys: keys.dbt }),
    serviceUser(dashboardUser, { role: dashboardRole, warehouse: names.dashboardWarehouse, keys: keys.dashboard }),
    grantRole(loaderRole, { kind: 'user', name: loaderUser }),
    grantRole(dbtRole, { kind: 'user', name: dbtUser }),
    grantRole(dashboardRole, { kind: 'user', name: dashboardUser }),
    ...[...warehousesByMonitor(names)].flatMap(([name, warehouses]) => [
      monitor(name, creditQuota),
      ...warehouses.map((one) => monitored(one, name)),
    ]),
  ];
}

/** BRONZE's tables and stage, created by the engineers' role, which then owns them: only the owner may alter, swap and drop them. */
const bronzeObjects = (names: Names): Wanted[] =>
  statementsOf('').map(({ sql, name }) => {
    const path = `${schemasOf(names).bronze}.${name.toUpperCase()}`;
    const create = { role: names.engineerRole, sql: sql.replace(`bronze.${name}`, quoted(path)) };
    if (sql.startsWith('create stage')) return plainObject('stage', path, create);
    return /data_retention_time_in_days/.test(sql) ? plainObject('table', path, create) : table(path, create);
  });
