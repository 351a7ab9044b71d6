-- BRONZE on DuckDB. The first columns of the raw tables, in this order, are the contract; lineage columns follow.
-- Append-only and without keys: the ledger, not an index, prevents duplicates of an offset. Timestamps are UTC.
create schema if not exists bronze;

-- Grain: one row per record of the topic tmdb.raw-movies, 404 answers included.
create table if not exists bronze.raw_movies (
  movie_id bigint not null,
  raw_data json not null,
  source_url varchar not null,
  ingested_at timestamp not null,
  batch_id varchar not null,
  load_seq bigint not null,
  kafka_partition integer not null,
  kafka_offset bigint not null,
  http_status integer not null,
  fetched_at timestamp not null,
  requested_at timestamp,
  reason varchar,
  traceparent varchar
);

-- Grain: one row per record of the topic tmdb.raw-genres.
create table if not exists bronze.raw_genres (
  raw_data json not null,
  ingested_at timestamp not null,
  batch_id varchar not null,
  load_seq bigint not null,
  kafka_partition integer not null,
  kafka_offset bigint not null,
  language varchar not null,
  source_url varchar not null,
  fetched_at timestamp not null
);

-- Grain: one row per partition: the first offset that is not in BRONZE yet.
-- A topic that is created again with the same name has another topic_id, and so its own positions.
create table if not exists bronze.load_positions (
  cluster_id varchar not null,
  topic varchar not null,
  kafka_partition integer not null,
  next_offset bigint not null,
  updated_at timestamp not null,
  topic_id varchar default ''
);

-- Grain: one row per loaded batch: the offsets [first_offset, next_offset) of one partition.
create table if not exists bronze.load_batches (
  load_seq bigint not null,
  batch_id varchar not null,
  cluster_id varchar not null,
  topic varchar not null,
  kafka_partition integer not null,
  first_offset bigint not null,
  next_offset bigint not null,
  row_count bigint not null,
  payload_bytes bigint not null,
  loaded_at timestamp not null,
  topic_id varchar default ''
);

-- Grain: one row per cutoff of a purge. Only documents of answers from before purged_before may be replaced.
-- finished_at is NULL while values of these documents may still be in SILVER, GOLD, or unused parts of this file.
create table if not exists bronze.purges (
  purged_before timestamp not null,
  recorded_at timestamp not null,
  finished_at timestamp
);

-- Files from before topic ids were stored: '' counts for the topic that has the name when its next batch is loaded.
alter table bronze.load_positions add column if not exists topic_id varchar default '';
alter table bronze.load_batches add column if not exists topic_id varchar default '';

-- Files from before requests were stored: NULL for the records of that time.
alter table bronze.raw_movies add column if not exists requested_at timestamp;
alter table bronze.raw_movies add column if not exists reason varchar;
alter table bronze.raw_movies add column if not exists traceparent varchar;
