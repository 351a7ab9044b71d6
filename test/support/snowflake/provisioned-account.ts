import { desiredState } from '../../../warehouse/snowflake/provision/desired.ts';
import { plainGrant } from '../../../warehouse/snowflake/provision/grant-sql.ts';
import type { Grant, Observed, Present, Wanted } from '../../../warehouse/snowflake/provision/model.ts';
import { settings } from './provision-settings.ts';

/** The state after a load and a run of dbt. */
const present: Present = new Map([
  ['TABLE LECTURE_DE.BRONZE', ['RAW_MOVIES', 'LOAD_POSITIONS', 'LOAD_LOCK', 'LOAD_LINES']],
  ['TABLE LECTURE_DE.GOLD', ['FACT_MOVIES', 'DIM_DATES']],
  ['VIEW LECTURE_DE.GOLD', ['KPI_TOP_MOVIES']],
]);
export const whole = desiredState(settings, present);

const grantLine = /^(.+?) on (future )?(.+?) (?:in )?(\S+) to (role|user) (\S+)$/;

/** The observed state of an account that contains exactly these objects. */
export function having(wanted: readonly Wanted[]): Observed {
  const grants = wanted.flatMap(({ label }): Grant[] => {
    const [, privilege = '', future, on = '', name = '', kind, grantee = ''] = grantLine.exec(label) ?? [];
    if (kind === undefined) return [];
    const to = { kind: kind === 'user' ? 'user' : 'role', name: grantee } as const;
    return [{ ...plainGrant(privilege, on, name, to), isFuture: future !== undefined }];
  });
  const objects = wanted
    .filter(({ label }) => !grantLine.test(label))
    .map(({ label, properties }) => {
      const values = Object.entries(properties).map(([name, { is }]) => [name, is] as const);
      return [label, Object.fromEntries(values)] as const;
    });
  return { objects: new Map(objects), grants, present, otherSchemas: [] };
}

export const complete = having(whole);

export const withGrant = (grant: Grant): Observed => ({ ...complete, grants: [...complete.grants, grant] });
