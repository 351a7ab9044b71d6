import { quoted } from './identifiers.ts';
import type { Grant, Step, Wanted } from './model.ts';

export const grantLabel = ({ privilege, on, name, isFuture, isGrantable, grantee }: Grant): string =>
  `${privilege} on ${isFuture ? 'future ' : ''}${on} ${isFuture ? 'in ' : ''}${name} to ${grantee.kind} ${grantee.name}` +
  (isGrantable ? ' with grant option' : '');

export const toRole = (role: string): Grant['grantee'] => ({ kind: 'role', name: role });

/** A grant on one object by its name. */
export const plainGrant = (privilege: string, on: string, name: string, grantee: Grant['grantee']): Grant => ({
  privilege,
  on,
  name,
  isFuture: false,
  isGrantable: false,
  grantee,
});

/** Kinds and privileges in SQL's words. */
const words = (text: string): string => text.replaceAll('_', ' ').toLowerCase();

/** SYSADMIN owns our objects, or has the role that does. */
export const grantOn = (privilege: string, on: string, name: string, role: string): Wanted => ({
  label: grantLabel(plainGrant(privilege, on, name, toRole(role))),
  properties: {},
  create: {
    role: 'SYSADMIN',
    sql: `grant ${words(privilege)} on ${words(on)} ${quoted(name)} to role ${quoted(role)}`,
  },
});

/** On all future objects of the schema: they have no owner yet, so this needs MANAGE GRANTS. */
export const grantOnFuture = (privilege: string, on: string, schema: string, role: string): Wanted => ({
  label: grantLabel({ ...plainGrant(privilege, on, schema, toRole(role)), isFuture: true }),
  properties: {},
  create: {
    role: 'SECURITYADMIN',
    sql: `grant ${words(privilege)} on future ${words(on)}s in schema ${quoted(schema)} to role ${quoted(role)}`,
  },
});

/** On existing objects: the statement is the same for each, and runs once. */
export const grantOnPresent = (
  privilege: string,
  on: string,
  schema: string,
  role: string,
  names: readonly string[],
): Wanted[] =>
  names.map((name) => ({
    label: grantLabel(plainGrant(privilege, on, `${schema}.${name}`, toRole(role))),
    properties: {},
    create: {
      role: 'SYSADMIN',
      sql: `grant ${words(privilege)} on all ${words(on)}s in schema ${quoted(schema)} to role ${quoted(role)}`,
    },
  }));

/** A role for another role, or for a user. USERADMIN created them. */
export const grantRole = (role: string, grantee: Grant['grantee']): Wanted => ({
  label: grantLabel(plainGrant('USAGE', 'ROLE', role, grantee)),
  properties: {},
  create: { role: 'USERADMIN', sql: `grant role ${quoted(role)} to ${grantee.kind} ${quoted(grantee.name)}` },
});

/** Revokes any grant, which needs MANAGE GRANTS. Objects that a role owns go to SYSADMIN, because every object needs an owner. */
export function revoke(grant: Grant): Step {
  const { privilege, on, name, isFuture, isGrantable, grantee } = grant;
  const from = `from ${grantee.kind} ${quoted(grantee.name)}`;
  const option = isGrantable ? 'grant option for ' : '';
  const object = on === 'ACCOUNT' ? 'account' : `${words(on)} ${name}`;
  const scope = name.includes('.') ? 'schema' : 'database';
  const sql = () => {
    if (isFuture) return `revoke ${option}${words(privilege)} on future ${words(on)}s in ${scope} ${name} ${from}`;
    if (on === 'ROLE' && privilege === 'USAGE') return `revoke role ${name} ${from}`;
    if (privilege === 'OWNERSHIP') return `grant ownership on ${object} to role sysadmin copy current grants`;
    return `revoke ${option}${words(privilege)} on ${object} ${from}`;
  };
  return { role: 'SECURITYADMIN', sql: sql() };
}
