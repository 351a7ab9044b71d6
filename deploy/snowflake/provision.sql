-- What `warehouse provision` creates in an empty Snowflake account: the roles with the rights that each service needs, and no others,
-- users, tables, virtual warehouses and resource monitors. `npm run docs` writes this file from the code that provisions. Do not edit it.
--
-- It has the default names and no keys: `npx tmdb-stream warehouse provision --print` prints the SQL with yours. docs/snowflake.md
-- explains the roles.

-- USERADMIN: creates roles and users, and may grant the roles that it created.
use role useradmin;
create role if not exists "DE_ROLE" comment = 'tmdb-stream: made by warehouse provision';
create role if not exists "ANALYST_ROLE" comment = 'tmdb-stream: made by warehouse provision';
create role if not exists "LOADER_ROLE" comment = 'tmdb-stream: made by warehouse provision';
create role if not exists "DBT_ROLE" comment = 'tmdb-stream: made by warehouse provision';
create role if not exists "LECTURE_DASHBOARD_ROLE" comment = 'tmdb-stream: made by warehouse provision';
grant role "DE_ROLE" to role "SYSADMIN";
grant role "ANALYST_ROLE" to role "SYSADMIN";
grant role "LECTURE_DASHBOARD_ROLE" to role "SYSADMIN";
grant role "LOADER_ROLE" to role "DE_ROLE";
grant role "DBT_ROLE" to role "DE_ROLE";
grant role "ANALYST_ROLE" to role "LECTURE_DASHBOARD_ROLE";

-- SYSADMIN: creates the database, its schemas and the warehouses, and may grant on what it owns.
use role sysadmin;
create database if not exists "LECTURE_DE" data_retention_time_in_days = 1;
create schema if not exists "LECTURE_DE"."BRONZE";
create schema if not exists "LECTURE_DE"."SILVER";
create schema if not exists "LECTURE_DE"."GOLD";
create warehouse if not exists "LECTURE_INGEST_WH" with warehouse_size = XSMALL auto_suspend = 60 auto_resume = true statement_timeout_in_seconds = 900 statement_queued_timeout_in_seconds = 300 initially_suspended = true;
create warehouse if not exists "LECTURE_TRANSFORM_WH" with warehouse_size = SMALL auto_suspend = 60 auto_resume = true statement_timeout_in_seconds = 3600 statement_queued_timeout_in_seconds = 600 initially_suspended = true;
create warehouse if not exists "LECTURE_DASHBOARD_WH" with warehouse_size = XSMALL auto_suspend = 60 auto_resume = true statement_timeout_in_seconds = 900 statement_queued_timeout_in_seconds = 300 initially_suspended = true;
grant usage on database "LECTURE_DE" to role "DE_ROLE";
grant usage on schema "LECTURE_DE"."BRONZE" to role "DE_ROLE";
grant create table on schema "LECTURE_DE"."BRONZE" to role "DE_ROLE";
grant create view on schema "LECTURE_DE"."BRONZE" to role "DE_ROLE";
grant create stage on schema "LECTURE_DE"."BRONZE" to role "DE_ROLE";
grant usage on warehouse "LECTURE_INGEST_WH" to role "DE_ROLE";
grant operate on warehouse "LECTURE_INGEST_WH" to role "DE_ROLE";
grant monitor on warehouse "LECTURE_INGEST_WH" to role "DE_ROLE";
grant usage on warehouse "LECTURE_TRANSFORM_WH" to role "DE_ROLE";
grant operate on warehouse "LECTURE_TRANSFORM_WH" to role "DE_ROLE";
grant monitor on warehouse "LECTURE_TRANSFORM_WH" to role "DE_ROLE";
grant usage on database "LECTURE_DE" to role "LOADER_ROLE";
grant usage on schema "LECTURE_DE"."BRONZE" to role "LOADER_ROLE";
grant usage on warehouse "LECTURE_INGEST_WH" to role "LOADER_ROLE";
grant usage on database "LECTURE_DE" to role "DBT_ROLE";
grant usage on schema "LECTURE_DE"."BRONZE" to role "DBT_ROLE";
grant usage on schema "LECTURE_DE"."SILVER" to role "DBT_ROLE";
grant create table on schema "LECTURE_DE"."SILVER" to role "DBT_ROLE";
grant create view on schema "LECTURE_DE"."SILVER" to role "DBT_ROLE";
grant usage on schema "LECTURE_DE"."GOLD" to role "DBT_ROLE";
grant create table on schema "LECTURE_DE"."GOLD" to role "DBT_ROLE";
grant create view on schema "LECTURE_DE"."GOLD" to role "DBT_ROLE";
grant usage on warehouse "LECTURE_TRANSFORM_WH" to role "DBT_ROLE";
grant usage on database "LECTURE_DE" to role "ANALYST_ROLE";
grant usage on schema "LECTURE_DE"."GOLD" to role "ANALYST_ROLE";
grant usage on warehouse "LECTURE_DASHBOARD_WH" to role "LECTURE_DASHBOARD_ROLE";

-- SECURITYADMIN: granting on future objects, and revoking grants of others, need MANAGE GRANTS.
use role securityadmin;
grant select on future tables in schema "LECTURE_DE"."BRONZE" to role "LOADER_ROLE";
grant insert on future tables in schema "LECTURE_DE"."BRONZE" to role "LOADER_ROLE";
grant select on future tables in schema "LECTURE_DE"."BRONZE" to role "DBT_ROLE";
grant select on future tables in schema "LECTURE_DE"."GOLD" to role "ANALYST_ROLE";
grant select on future views in schema "LECTURE_DE"."GOLD" to role "ANALYST_ROLE";

-- DE_ROLE: creates, and so owns, BRONZE's objects.
use role "DE_ROLE";
create table if not exists "LECTURE_DE"."BRONZE"."RAW_MOVIES" (
  movie_id number(38, 0) not null,
  raw_data variant not null,
  source_url varchar not null,
  ingested_at timestamp_ntz not null,
  batch_id varchar not null,
  load_seq number(38, 0) not null,
  kafka_partition number(38, 0) not null,
  kafka_offset number(38, 0) not null,
  http_status number(38, 0) not null,
  fetched_at timestamp_ntz not null,
  requested_at timestamp_ntz,
  reason varchar,
  traceparent varchar
);
create table if not exists "LECTURE_DE"."BRONZE"."RAW_GENRES" (
  raw_data variant not null,
  ingested_at timestamp_ntz not null,
  batch_id varchar not null,
  load_seq number(38, 0) not null,
  kafka_partition number(38, 0) not null,
  kafka_offset number(38, 0) not null,
  language varchar not null,
  source_url varchar not null,
  fetched_at timestamp_ntz not null
);
create table if not exists "LECTURE_DE"."BRONZE"."LOAD_POSITIONS" (
  cluster_id varchar not null,
  topic varchar not null,
  topic_id varchar not null,
  kafka_partition number(38, 0) not null,
  next_offset number(38, 0) not null,
  updated_at timestamp_ntz not null
);
create table if not exists "LECTURE_DE"."BRONZE"."LOAD_BATCHES" (
  load_seq number(38, 0) not null,
  batch_id varchar not null,
  cluster_id varchar not null,
  topic varchar not null,
  topic_id varchar not null,
  kafka_partition number(38, 0) not null,
  first_offset number(38, 0) not null,
  next_offset number(38, 0) not null,
  row_count number(38, 0) not null,
  payload_bytes number(38, 0) not null,
  loaded_at timestamp_ntz not null
);
create table if not exists "LECTURE_DE"."BRONZE"."LOAD_LOCK" (
  taken_at timestamp_ntz not null
);
create table if not exists "LECTURE_DE"."BRONZE"."PURGES" (
  purged_before timestamp_ntz not null,
  recorded_at timestamp_ntz not null,
  finished_at timestamp_ntz
);
create stage if not exists "LECTURE_DE"."BRONZE"."LOAD_FILES";
create transient table if not exists "LECTURE_DE"."BRONZE"."LOAD_LINES" (
  line variant
) data_retention_time_in_days = 0;

-- SYSADMIN: creates the database, its schemas and the warehouses, and may grant on what it owns.
use role sysadmin;
grant update on table "LECTURE_DE"."BRONZE"."LOAD_POSITIONS" to role "LOADER_ROLE";
grant update on table "LECTURE_DE"."BRONZE"."LOAD_LOCK" to role "LOADER_ROLE";
grant delete on table "LECTURE_DE"."BRONZE"."LOAD_LINES" to role "LOADER_ROLE";
grant read on stage "LECTURE_DE"."BRONZE"."LOAD_FILES" to role "LOADER_ROLE";
grant write on stage "LECTURE_DE"."BRONZE"."LOAD_FILES" to role "LOADER_ROLE";
grant update on table "LECTURE_DE"."BRONZE"."RAW_MOVIES" to role "DBT_ROLE";
grant update on table "LECTURE_DE"."BRONZE"."RAW_GENRES" to role "DBT_ROLE";
grant update on table "LECTURE_DE"."BRONZE"."LOAD_BATCHES" to role "DBT_ROLE";
grant update on table "LECTURE_DE"."BRONZE"."LOAD_LOCK" to role "DBT_ROLE";
grant insert on table "LECTURE_DE"."BRONZE"."PURGES" to role "DBT_ROLE";
grant update on table "LECTURE_DE"."BRONZE"."PURGES" to role "DBT_ROLE";
grant delete on table "LECTURE_DE"."BRONZE"."LOAD_LINES" to role "DBT_ROLE";
grant read on stage "LECTURE_DE"."BRONZE"."LOAD_FILES" to role "DBT_ROLE";
grant write on stage "LECTURE_DE"."BRONZE"."LOAD_FILES" to role "DBT_ROLE";

-- USERADMIN: creates roles and users, and may grant the roles that it created.
use role useradmin;
create user if not exists "LECTURE_LOADER" type = SERVICE default_role = "LOADER_ROLE" default_warehouse = "LECTURE_INGEST_WH" abort_detached_query = true;
create user if not exists "LECTURE_DBT" type = SERVICE default_role = "DBT_ROLE" default_warehouse = "LECTURE_TRANSFORM_WH" abort_detached_query = true;
create user if not exists "LECTURE_DASHBOARD" type = SERVICE default_role = "LECTURE_DASHBOARD_ROLE" default_warehouse = "LECTURE_DASHBOARD_WH" abort_detached_query = true;
grant role "LOADER_ROLE" to user "LECTURE_LOADER";
grant role "DBT_ROLE" to user "LECTURE_DBT";
grant role "LECTURE_DASHBOARD_ROLE" to user "LECTURE_DASHBOARD";

-- ACCOUNTADMIN: only this role may create resource monitors and assign warehouses to them.
use role accountadmin;
create resource monitor if not exists "LECTURE_MONITOR" with credit_quota = 100 frequency = monthly start_timestamp = immediately triggers on 75 percent do notify on 90 percent do notify on 100 percent do suspend on 110 percent do suspend_immediate;
alter warehouse "LECTURE_INGEST_WH" set resource_monitor = "LECTURE_MONITOR";
alter warehouse "LECTURE_TRANSFORM_WH" set resource_monitor = "LECTURE_MONITOR";
create resource monitor if not exists "LECTURE_MONITOR_DASHBOARD" with credit_quota = 100 frequency = monthly start_timestamp = immediately triggers on 75 percent do notify on 90 percent do notify on 100 percent do suspend on 110 percent do suspend_immediate;
alter warehouse "LECTURE_DASHBOARD_WH" set resource_monitor = "LECTURE_MONITOR_DASHBOARD";
