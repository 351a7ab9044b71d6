import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { desiredState } from '../../../warehouse/snowflake/provision/desired.ts';
import { differences } from '../../../warehouse/snowflake/provision/diff.ts';
import { nothingObserved, type Step } from '../../../warehouse/snowflake/provision/model.ts';
import { script, stepsOf } from '../../../warehouse/snowflake/provision/script.ts';
import { provisionFile, provisionSql, statementsIn } from '../../generated-pages/snowflake-provision.ts';
import { read } from '../../support/deploy/project.ts';
import { names, settings } from '../../support/snowflake/provision-settings.ts';
import { complete, having, whole } from '../../support/snowflake/provisioned-account.ts';

const emptyAccount = stepsOf(differences(settings, nothingObserved));

describe('an empty account', () => {
  const linesOf = (role: string) => emptyAccount.filter((step) => step.role === role).map(({ sql }) => sql);

  it('gives ANALYST_ROLE access to GOLD, and to nothing else', () => {
    expect(emptyAccount.map(({ sql }) => sql).filter((sql) => sql.includes('ANALYST_ROLE'))).toEqual([
      `create role if not exists "ANALYST_ROLE" comment = 'tmdb-stream: made by warehouse provision'`,
      'grant role "ANALYST_ROLE" to role "SYSADMIN"',
      'grant role "ANALYST_ROLE" to role "LECTURE_DASHBOARD_ROLE"',
      'grant usage on database "LECTURE_DE" to role "ANALYST_ROLE"',
      'grant usage on schema "LECTURE_DE"."GOLD" to role "ANALYST_ROLE"',
      'grant select on future tables in schema "LECTURE_DE"."GOLD" to role "ANALYST_ROLE"',
      'grant select on future views in schema "LECTURE_DE"."GOLD" to role "ANALYST_ROLE"',
    ]);
  });

  it('gives the dashboard the role of analysts and a virtual warehouse of its own, and nothing else', () => {
    expect(emptyAccount.map(({ sql }) => sql).filter((sql) => /DASHBOARD/.test(sql))).toEqual([
      `create role if not exists "LECTURE_DASHBOARD_ROLE" comment = 'tmdb-stream: made by warehouse provision'`,
      'grant role "LECTURE_DASHBOARD_ROLE" to role "SYSADMIN"',
      'grant role "ANALYST_ROLE" to role "LECTURE_DASHBOARD_ROLE"',
      expect.stringMatching(/^create warehouse if not exists "LECTURE_DASHBOARD_WH" with warehouse_size = XSMALL /),
      'grant usage on warehouse "LECTURE_DASHBOARD_WH" to role "LECTURE_DASHBOARD_ROLE"',
      expect.stringMatching(
        /^create user if not exists "LECTURE_DASHBOARD" type = SERVICE default_role = "LECTURE_DASHBOARD_ROLE" default_warehouse = "LECTURE_DASHBOARD_WH" /,
      ),
      'grant role "LECTURE_DASHBOARD_ROLE" to user "LECTURE_DASHBOARD"',
      expect.stringMatching(
        /^create resource monitor if not exists "LECTURE_MONITOR_DASHBOARD" with credit_quota = 100 /,
      ),
      'alter warehouse "LECTURE_DASHBOARD_WH" set resource_monitor = "LECTURE_MONITOR_DASHBOARD"',
    ]);
  });

  it('gives LOADER_ROLE no right to create tables, or to change rows of the raw tables', () => {
    expect(emptyAccount.map(({ sql }) => sql).filter((sql) => sql.endsWith('to role "LOADER_ROLE"'))).toEqual([
      'grant usage on database "LECTURE_DE" to role "LOADER_ROLE"',
      'grant usage on schema "LECTURE_DE"."BRONZE" to role "LOADER_ROLE"',
      'grant usage on warehouse "LECTURE_INGEST_WH" to role "LOADER_ROLE"',
      'grant select on future tables in schema "LECTURE_DE"."BRONZE" to role "LOADER_ROLE"',
      'grant insert on future tables in schema "LECTURE_DE"."BRONZE" to role "LOADER_ROLE"',
      'grant update on table "LECTURE_DE"."BRONZE"."LOAD_POSITIONS" to role "LOADER_ROLE"',
      'grant update on table "LECTURE_DE"."BRONZE"."LOAD_LOCK" to role "LOADER_ROLE"',
      'grant delete on table "LECTURE_DE"."BRONZE"."LOAD_LINES" to role "LOADER_ROLE"',
      'grant read on stage "LECTURE_DE"."BRONZE"."LOAD_FILES" to role "LOADER_ROLE"',
      'grant write on stage "LECTURE_DE"."BRONZE"."LOAD_FILES" to role "LOADER_ROLE"',
    ]);
  });

  it('gives DBT_ROLE the right to change only the tables of BRONZE that a purge changes', () => {
    expect(emptyAccount.map(({ sql }) => sql).filter((sql) => /BRONZE.* to role "DBT_ROLE"$/.test(sql))).toEqual([
      'grant usage on schema "LECTURE_DE"."BRONZE" to role "DBT_ROLE"',
      'grant select on future tables in schema "LECTURE_DE"."BRONZE" to role "DBT_ROLE"',
      'grant update on table "LECTURE_DE"."BRONZE"."RAW_MOVIES" to role "DBT_ROLE"',
      'grant update on table "LECTURE_DE"."BRONZE"."RAW_GENRES" to role "DBT_ROLE"',
      'grant update on table "LECTURE_DE"."BRONZE"."LOAD_BATCHES" to role "DBT_ROLE"',
      'grant update on table "LECTURE_DE"."BRONZE"."LOAD_LOCK" to role "DBT_ROLE"',
      'grant insert on table "LECTURE_DE"."BRONZE"."PURGES" to role "DBT_ROLE"',
      'grant update on table "LECTURE_DE"."BRONZE"."PURGES" to role "DBT_ROLE"',
      'grant delete on table "LECTURE_DE"."BRONZE"."LOAD_LINES" to role "DBT_ROLE"',
      'grant read on stage "LECTURE_DE"."BRONZE"."LOAD_FILES" to role "DBT_ROLE"',
      'grant write on stage "LECTURE_DE"."BRONZE"."LOAD_FILES" to role "DBT_ROLE"',
    ]);
  });

  it('gives DBT_ROLE the right to purge a rebuild that is left unfinished', () => {
    const bronze = ['RAW_MOVIES', 'REBUILD_RAW_MOVIES', 'REBUILD_LOAD_POSITIONS'];
    const wanted = desiredState(settings, new Map([['TABLE LECTURE_DE.BRONZE', bronze]]));
    const updates = wanted.map(({ create }) => create.sql).filter((sql) => /^grant update .*REBUILD_/.test(sql));
    expect(updates).toEqual(['grant update on table "LECTURE_DE"."BRONZE"."REBUILD_RAW_MOVIES" to role "DBT_ROLE"']);
  });

  it('uses ACCOUNTADMIN only to create the resource monitors, of which the dashboard has its own', () => {
    expect(linesOf('ACCOUNTADMIN')).toEqual([
      'create resource monitor if not exists "LECTURE_MONITOR" with credit_quota = 100 frequency = monthly start_timestamp = immediately ' +
        'triggers on 75 percent do notify on 90 percent do notify on 100 percent do suspend on 110 percent do suspend_immediate',
      'alter warehouse "LECTURE_INGEST_WH" set resource_monitor = "LECTURE_MONITOR"',
      'alter warehouse "LECTURE_TRANSFORM_WH" set resource_monitor = "LECTURE_MONITOR"',
      'create resource monitor if not exists "LECTURE_MONITOR_DASHBOARD" with credit_quota = 100 frequency = monthly start_timestamp = immediately ' +
        'triggers on 75 percent do notify on 90 percent do notify on 100 percent do suspend on 110 percent do suspend_immediate',
      'alter warehouse "LECTURE_DASHBOARD_WH" set resource_monitor = "LECTURE_MONITOR_DASHBOARD"',
    ]);
  });

  it('uses SECURITYADMIN only for future grants', () => {
    expect(linesOf('SECURITYADMIN')).not.toEqual([]);
    expect(
      linesOf('SECURITYADMIN').filter((sql) => !/^grant \w+ on future (tables|views) in schema /.test(sql)),
    ).toEqual([]);
  });

  it('makes engineers the owner of the objects in BRONZE, after all future grants and before grants on these objects', () => {
    const isBronze = ({ role }: Step) => role === 'DE_ROLE';
    const made = emptyAccount.filter(isBronze).map(({ sql }) => sql.replace(/ \([\s\S]*/, ''));
    expect(made).toContain('create table if not exists "LECTURE_DE"."BRONZE"."RAW_MOVIES"');
    expect(made).toContain('create stage if not exists "LECTURE_DE"."BRONZE"."LOAD_FILES"');
    const last = emptyAccount.findLastIndex(isBronze);
    expect(emptyAccount.findLastIndex(({ sql }) => / on future /.test(sql))).toBeLessThan(
      emptyAccount.findIndex(isBronze),
    );
    expect(emptyAccount.findIndex(({ sql }) => / on (table|stage) /.test(sql))).toBeGreaterThan(last);
  });

  it('has services that log in only with keys', () => {
    const text = settings.keys.loader.first?.text;
    expect(linesOf('USERADMIN')).toContain(
      `create user if not exists "LECTURE_LOADER" type = SERVICE default_role = "LOADER_ROLE" default_warehouse = "LECTURE_INGEST_WH" abort_detached_query = true rsa_public_key = '${text}'`,
    );
  });

  it('is printed with the role of each statement, and the reason', () => {
    const lines = script(emptyAccount).split('\n');
    expect(lines.slice(0, 2)).toEqual([
      '-- USERADMIN: creates roles and users, and may grant the roles that it created.',
      'use role useradmin;',
    ]);
    expect(lines).toContain('use role "DE_ROLE";');
    const statements = script(emptyAccount)
      .split(/;\n?/)
      .map((text) => text.replaceAll(/^\s*--.*$/gm, '').trim())
      .filter((text) => text !== '' && !text.startsWith('use role'));
    expect(statements).toEqual(emptyAccount.map(({ sql }) => sql));
  });
});

describe('deploy/snowflake/provision.sql', () => {
  it('[S5] is what creates an empty account: otherwise run npm run docs', () => {
    expect(read(provisionFile)).toBe(provisionSql());
  });

  it('has the same rights as with keys', () => {
    const grants = statementsIn(read(provisionFile)).filter((sql) => sql.startsWith('grant '));
    expect(grants).toEqual(emptyAccount.map(({ sql }) => sql).filter((sql) => sql.startsWith('grant ')));
  });
});

describe('one virtual warehouse for both', () => {
  const both = { ...settings, names: { ...names, transformWarehouse: names.ingestWarehouse } };
  const lines = () => stepsOf(differences(both, nothingObserved)).map(({ sql }) => sql);

  it('is created once, small, with the timeouts of dbt, and monitored', () => {
    expect(lines().filter((sql) => /^(create|alter) warehouse (?!.*DASHBOARD)/.test(sql))).toEqual([
      'create warehouse if not exists "LECTURE_INGEST_WH" with warehouse_size = XSMALL auto_suspend = 60 auto_resume = true ' +
        'statement_timeout_in_seconds = 3600 statement_queued_timeout_in_seconds = 600 initially_suspended = true',
      'alter warehouse "LECTURE_INGEST_WH" set resource_monitor = "LECTURE_MONITOR"',
    ]);
    expect(lines().filter((sql) => sql.includes('LECTURE_TRANSFORM_WH'))).toEqual([]);
  });

  it('is used by dbt and by the loader', () => {
    const usage = /^grant usage on warehouse "LECTURE_INGEST_WH" to role "(LOADER|DBT)_ROLE"$/;
    expect(lines().filter((sql) => usage.test(sql))).toHaveLength(2);
    expect(lines().filter((sql) => sql.includes('default_warehouse = "LECTURE_INGEST_WH"'))).toHaveLength(2);
  });

  it('is planned once: each difference is reported once, and none if it exists', () => {
    const told = differences(both, nothingObserved).map(({ what }) => what);
    expect(new Set(told).size).toBe(told.length);
    expect(differences(both, having(desiredState(both, complete.present)))).toEqual([]);
  });

  it('revokes the grants on the former warehouse of dbt, and extends the timeouts of the shared one', () => {
    const found = differences(both, complete).map(({ what, change }) => `${change}: ${what}`);
    expect(found.toSorted()).toEqual([
      'different: user LECTURE_DBT',
      'different: warehouse LECTURE_INGEST_WH',
      'missing: USAGE on WAREHOUSE LECTURE_INGEST_WH to role DBT_ROLE',
      'not wanted: MONITOR on WAREHOUSE LECTURE_TRANSFORM_WH to role DE_ROLE',
      'not wanted: OPERATE on WAREHOUSE LECTURE_TRANSFORM_WH to role DE_ROLE',
      'not wanted: USAGE on WAREHOUSE LECTURE_TRANSFORM_WH to role DBT_ROLE',
      'not wanted: USAGE on WAREHOUSE LECTURE_TRANSFORM_WH to role DE_ROLE',
    ]);
  });
});

describe('an account that is as it should be', () => {
  it('differs in nothing', () => expect(differences(settings, complete)).toEqual([]));

  it('is reached from any partial account, with only the missing statements, in an order in which all named objects exist', () => {
    fc.assert(
      fc.property(fc.subarray(whole), (there) => {
        const isThere = new Set(there);
        const steps = stepsOf(differences(settings, having(there)));
        const missing = whole.filter((wanted) => !isThere.has(wanted)).map(({ create }) => create.sql);
        expect(steps.map(({ sql }) => sql)).toEqual([...new Set(missing)]);
        const made = new Set(there.map(({ label }) => label));
        for (const { sql } of steps) {
          for (const label of namedIn(sql)) expect(made, sql).toContain(label);
          const [, kind, name] = /^create (?:transient )?([a-z ]+?) if not exists ([\w".]+)/.exec(sql) ?? [];
          made.add(`${kind} ${name?.replaceAll('"', '')}`);
        }
      }),
    );
  });

  /** The objects without which a statement fails. */
  function namedIn(sql: string): string[] {
    const bare = (text = '') => text.replaceAll('"', '');
    const grantee = /^grant .* to (role|user) (\S+)$/.exec(sql);
    const on = /^grant .*? on (?!future|all)(\w+) (\S+) to/.exec(sql);
    const scope = /^grant .*? in (schema) (\S+) to/.exec(sql);
    const monitorOf = /set resource_monitor = (\S+)$/.exec(sql);
    return [grantee, on, scope]
      .filter((match) => match !== null)
      .map(([, kind, name]) => `${kind} ${bare(name)}`)
      .concat(monitorOf ? [`resource monitor ${bare(monitorOf[1])}`] : [])
      .filter((label) => label !== 'role SYSADMIN');
  }
});
