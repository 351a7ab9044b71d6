import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../runtime/errors.ts';
import { differences } from '../../../warehouse/snowflake/provision/diff.ts';
import { plainGrant, toRole } from '../../../warehouse/snowflake/provision/grant-sql.ts';
import type { Observed } from '../../../warehouse/snowflake/provision/model.ts';
import type { ServiceKeys } from '../../../warehouse/snowflake/provision/names.ts';
import { provision } from '../../../warehouse/snowflake/provision/provision.ts';
import { stepsOf } from '../../../warehouse/snowflake/provision/script.ts';
import { newKey, settings } from '../../support/snowflake/provision-settings.ts';
import { complete, having, whole, withGrant } from '../../support/snowflake/provisioned-account.ts';

describe('a difference', () => {
  const changed = (label: string, values: Record<string, string>): Observed => ({
    ...complete,
    objects: new Map(complete.objects).set(label, { ...complete.objects.get(label), ...values }),
  });

  it.each<[string, Observed, string, string, string[]]>([
    [
      'a database that keeps old rows for longer than a day',
      changed('database LECTURE_DE', { data_retention_time_in_days: '90' }),
      'database LECTURE_DE',
      'data_retention_time_in_days is 90, should be 1',
      ['alter database "LECTURE_DE" set data_retention_time_in_days = 1'],
    ],
    [
      'a schema that keeps old rows for longer',
      changed('schema LECTURE_DE.SILVER', { data_retention_time_in_days: '5' }),
      'schema LECTURE_DE.SILVER',
      'data_retention_time_in_days is 5, should be not set',
      ['alter schema "LECTURE_DE"."SILVER" unset data_retention_time_in_days'],
    ],
    [
      'a table of BRONZE that keeps old rows for longer',
      changed('table LECTURE_DE.BRONZE.RAW_MOVIES', { data_retention_time_in_days: '30' }),
      'table LECTURE_DE.BRONZE.RAW_MOVIES',
      'data_retention_time_in_days is 30, should be not set',
      ['alter table "LECTURE_DE"."BRONZE"."RAW_MOVIES" unset data_retention_time_in_days'],
    ],
    [
      'a table of BRONZE that analysts may read',
      withGrant(plainGrant('SELECT', 'TABLE', 'LECTURE_DE.BRONZE.RAW_MOVIES', toRole('ANALYST_ROLE'))),
      'SELECT on TABLE LECTURE_DE.BRONZE.RAW_MOVIES to role ANALYST_ROLE',
      '',
      ['revoke select on table LECTURE_DE.BRONZE.RAW_MOVIES from role "ANALYST_ROLE"'],
    ],
    [
      'a future grant beyond the plan',
      withGrant({ ...plainGrant('INSERT', 'TABLE', 'LECTURE_DE.GOLD', toRole('ANALYST_ROLE')), isFuture: true }),
      'INSERT on future TABLE in LECTURE_DE.GOLD to role ANALYST_ROLE',
      '',
      ['revoke insert on future tables in schema LECTURE_DE.GOLD from role "ANALYST_ROLE"'],
    ],
    [
      'a grant that may be passed on',
      withGrant({
        ...plainGrant('SELECT', 'TABLE', 'LECTURE_DE.GOLD.FACT_MOVIES', toRole('ANALYST_ROLE')),
        isGrantable: true,
      }),
      'SELECT on TABLE LECTURE_DE.GOLD.FACT_MOVIES to role ANALYST_ROLE with grant option',
      '',
      ['revoke grant option for select on table LECTURE_DE.GOLD.FACT_MOVIES from role "ANALYST_ROLE"'],
    ],
    [
      'a privilege on the account',
      withGrant(plainGrant('CREATE DATABASE', 'ACCOUNT', 'AB12345', toRole('DBT_ROLE'))),
      'CREATE DATABASE on ACCOUNT AB12345 to role DBT_ROLE',
      '',
      ['revoke create database on account from role "DBT_ROLE"'],
    ],
    [
      'a service that holds a second role',
      withGrant(plainGrant('USAGE', 'ROLE', 'SYSADMIN', { kind: 'user', name: 'LECTURE_LOADER' })),
      'USAGE on ROLE SYSADMIN to user LECTURE_LOADER',
      '',
      ['revoke role SYSADMIN from user "LECTURE_LOADER"'],
    ],
    [
      'a table owned by a role that should own none',
      withGrant(plainGrant('OWNERSHIP', 'TABLE', 'LECTURE_DE.GOLD.MINE', toRole('ANALYST_ROLE'))),
      'OWNERSHIP on TABLE LECTURE_DE.GOLD.MINE to role ANALYST_ROLE',
      '',
      ['grant ownership on table LECTURE_DE.GOLD.MINE to role sysadmin copy current grants'],
    ],
    [
      'a larger warehouse that never suspends',
      changed('warehouse LECTURE_INGEST_WH', { warehouse_size: 'XLARGE', auto_suspend: '' }),
      'warehouse LECTURE_INGEST_WH',
      'warehouse_size is XLARGE, should be XSMALL; auto_suspend is not set, should be 60',
      ['alter warehouse "LECTURE_INGEST_WH" set warehouse_size = XSMALL auto_suspend = 60'],
    ],
    [
      'an unmonitored warehouse',
      changed('resource monitor of warehouse LECTURE_INGEST_WH', { resource_monitor: '' }),
      'resource monitor of warehouse LECTURE_INGEST_WH',
      'resource_monitor is not set, should be LECTURE_MONITOR',
      ['alter warehouse "LECTURE_INGEST_WH" set resource_monitor = "LECTURE_MONITOR"'],
    ],
    [
      'a monitor with another quota',
      changed('resource monitor LECTURE_MONITOR', { credit_quota: '5000' }),
      'resource monitor LECTURE_MONITOR',
      'credit_quota is 5000, should be 100',
      [
        'alter resource monitor "LECTURE_MONITOR" set credit_quota = 100 triggers on 75 percent do notify on 90 percent do notify ' +
          'on 100 percent do suspend on 110 percent do suspend_immediate',
      ],
    ],
    [
      'a user that may log in as a person',
      changed('user LECTURE_DBT', { type: 'PERSON' }),
      'user LECTURE_DBT',
      'type is PERSON, should be SERVICE',
      ['alter user "LECTURE_DBT" set type = SERVICE'],
    ],
  ])('is %s', (_, observed, what, detail, statements) => {
    const found = differences(settings, observed);
    expect(found.map((difference) => [difference.what, difference.detail])).toEqual([[what, detail]]);
    expect(stepsOf(found).map(({ sql }) => sql)).toEqual(statements);
  });

  it('is corrected by one statement for all tables that lack a grant', () => {
    const lacking = whole.filter(({ label }) => !/^SELECT on TABLE LECTURE_DE\.GOLD/.test(label));
    const found = differences(settings, having(lacking));
    expect(found.map(({ what }) => what)).toEqual([
      'SELECT on TABLE LECTURE_DE.GOLD.FACT_MOVIES to role ANALYST_ROLE',
      'SELECT on TABLE LECTURE_DE.GOLD.DIM_DATES to role ANALYST_ROLE',
    ]);
    expect(stepsOf(found).map(({ sql }) => sql)).toEqual([
      'grant select on all tables in schema "LECTURE_DE"."GOLD" to role "ANALYST_ROLE"',
    ]);
  });

  it('does not include objects that a role may create', () => {
    const owned = [
      plainGrant('OWNERSHIP', 'TABLE', 'LECTURE_DE.BRONZE.RAW_MOVIES', toRole('DE_ROLE')),
      plainGrant('OWNERSHIP', 'VIEW', 'LECTURE_DE.GOLD.KPI_TOP_MOVIES', toRole('DBT_ROLE')),
    ];
    expect(differences(settings, { ...complete, grants: [...complete.grants, ...owned] })).toEqual([]);
    const elsewhere = plainGrant('OWNERSHIP', 'TABLE', 'LECTURE_DE.BRONZE.RAW_MOVIES', toRole('DBT_ROLE'));
    expect(differences(settings, withGrant(elsewhere))).toHaveLength(1);
  });

  it('includes an additional schema, which only an administrator drops', () => {
    const found = differences(settings, { ...complete, otherSchemas: ['LECTURE_DE.PLAYGROUND'] });
    expect(found).toMatchObject([{ what: 'schema LECTURE_DE.PLAYGROUND', change: 'not wanted', steps: [] }]);
  });
});

describe('the keys of a service', () => {
  const [old, fresh] = [settings.keys.loader.first, newKey()];
  const user = (second: string): Observed => {
    const values = { ...complete.objects.get('user LECTURE_LOADER'), rsa_public_key_2: second };
    return { ...complete, objects: new Map(complete.objects).set('user LECTURE_LOADER', values) };
  };
  const statements = (loader: ServiceKeys, observed: Observed) =>
    stepsOf(differences({ ...settings, keys: { ...settings.keys, loader } }, observed)).map(({ sql }) => sql);

  it('are rotated: the new one beside the old one, then in its place', () => {
    if (!old) throw new Error('no key');
    expect(statements({ first: old, second: fresh }, user(''))).toEqual([
      `alter user "LECTURE_LOADER" set rsa_public_key_2 = '${fresh.text}'`,
    ]);
    expect(statements({ first: fresh, second: null }, user(fresh.fingerprint))).toEqual([
      `alter user "LECTURE_LOADER" set rsa_public_key = '${fresh.text}'`,
      'alter user "LECTURE_LOADER" unset rsa_public_key_2',
    ]);
  });

  it('are reported as missing for a service that is created without one', () => {
    const lacking = whole.filter(({ label }) => label !== 'user LECTURE_DBT');
    const found = differences({ ...settings, keys: { ...settings.keys, dbt: {} } }, having(lacking));
    expect(found.map(({ detail }) => detail)).toEqual([
      'without a public key: see --loader-key, --dbt-key and --dashboard-key',
    ]);
  });

  it('do not change if none is given', () => {
    expect(statements({}, user(fresh.fingerprint))).toEqual([]);
  });
});

describe('a foreign role of the same name', () => {
  it('is not touched, nor is anything else', async () => {
    const asked: string[] = [];
    const answers: Readonly<Record<string, Record<string, unknown>[]>> = {
      [`show roles like 'DE_ROLE'`]: [{ name: 'DE_ROLE', comment: 'Germany' }],
    };
    const query = async (sql: string) => {
      asked.push(sql);
      return answers[sql] ?? [];
    };
    const refused = provision(query, settings);
    await expect(refused).rejects.toThrow(UsageError);
    await expect(refused).rejects.toThrow('alter role DE_ROLE set comment');
    expect(asked.filter((sql) => !/^(show|use role securityadmin)/.test(sql))).toEqual([]);
  });
});
