import { newKey } from './provision-settings.ts';

/** One change of each kind, and the name under which it is reported. */
export const tampering: readonly (readonly [sql: string, what: string])[] = [
  ['drop role "ANALYST_ROLE"', 'role ANALYST_ROLE'],
  ['revoke role "LOADER_ROLE" from role "DE_ROLE"', 'USAGE on ROLE LOADER_ROLE to role DE_ROLE'],
  ['revoke role "DE_ROLE" from role sysadmin', 'USAGE on ROLE DE_ROLE to role SYSADMIN'],
  ['drop schema lecture_de.silver', 'schema LECTURE_DE.SILVER'],
  ['drop table lecture_de.bronze.load_lines', 'table LECTURE_DE.BRONZE.LOAD_LINES'],
  [
    'revoke write on stage lecture_de.bronze.load_files from role "LOADER_ROLE"',
    'WRITE on STAGE LECTURE_DE.BRONZE.LOAD_FILES to role LOADER_ROLE',
  ],
  ['drop warehouse lecture_transform_wh', 'warehouse LECTURE_TRANSFORM_WH'],
  ['alter warehouse lecture_ingest_wh set warehouse_size = xlarge auto_suspend = 3600', 'warehouse LECTURE_INGEST_WH'],
  ['alter warehouse lecture_ingest_wh set statement_timeout_in_seconds = 172800', 'warehouse LECTURE_INGEST_WH'],
  ['alter warehouse lecture_ingest_wh unset resource_monitor', 'resource monitor of warehouse LECTURE_INGEST_WH'],
  ['alter resource monitor lecture_monitor set credit_quota = 5000', 'resource monitor LECTURE_MONITOR'],
  [
    'alter resource monitor lecture_monitor set credit_quota = 100 triggers on 50 percent do notify',
    'resource monitor LECTURE_MONITOR',
  ],
  ['drop user lecture_dbt', 'user LECTURE_DBT'],
  [
    'revoke role "ANALYST_ROLE" from role "LECTURE_DASHBOARD_ROLE"',
    'USAGE on ROLE ANALYST_ROLE to role LECTURE_DASHBOARD_ROLE',
  ],
  [
    'grant select on table lecture_de.bronze.raw_movies to role "LECTURE_DASHBOARD_ROLE"',
    'SELECT on TABLE LECTURE_DE.BRONZE.RAW_MOVIES to role LECTURE_DASHBOARD_ROLE',
  ],
  [
    'grant usage on warehouse lecture_transform_wh to role "LECTURE_DASHBOARD_ROLE"',
    'USAGE on WAREHOUSE LECTURE_TRANSFORM_WH to role LECTURE_DASHBOARD_ROLE',
  ],
  ['alter user lecture_loader set default_role = "DE_ROLE"', 'user LECTURE_LOADER'],
  ['alter user lecture_dbt unset abort_detached_query', 'user LECTURE_DBT'],
  [`alter user lecture_loader set rsa_public_key = '${newKey().text}'`, 'user LECTURE_LOADER'],
  ['revoke role "DBT_ROLE" from user lecture_dbt', 'USAGE on ROLE DBT_ROLE to user LECTURE_DBT'],
  ['grant role sysadmin to user lecture_loader', 'USAGE on ROLE SYSADMIN to user LECTURE_LOADER'],
  [
    'grant select on table lecture_de.bronze.raw_movies to role "ANALYST_ROLE"',
    'SELECT on TABLE LECTURE_DE.BRONZE.RAW_MOVIES to role ANALYST_ROLE',
  ],
  [
    'grant insert on future tables in schema lecture_de.gold to role "ANALYST_ROLE"',
    'INSERT on future TABLE in LECTURE_DE.GOLD to role ANALYST_ROLE',
  ],
  [
    'grant usage on warehouse lecture_transform_wh to role "ANALYST_ROLE"',
    'USAGE on WAREHOUSE LECTURE_TRANSFORM_WH to role ANALYST_ROLE',
  ],
  ['grant create database on account to role "DBT_ROLE"', 'to role DBT_ROLE'],
  [
    'revoke select on table lecture_de.gold.fact_movies from role "ANALYST_ROLE"',
    'SELECT on TABLE LECTURE_DE.GOLD.FACT_MOVIES to role ANALYST_ROLE',
  ],
  [
    'revoke select on future views in schema lecture_de.gold from role "ANALYST_ROLE"',
    'SELECT on future VIEW in LECTURE_DE.GOLD to role ANALYST_ROLE',
  ],
  [
    'revoke update on table lecture_de.bronze.load_positions from role "LOADER_ROLE"',
    'UPDATE on TABLE LECTURE_DE.BRONZE.LOAD_POSITIONS to role LOADER_ROLE',
  ],
  ['revoke usage on database lecture_de from role "LOADER_ROLE"', 'USAGE on DATABASE LECTURE_DE to role LOADER_ROLE'],
];
