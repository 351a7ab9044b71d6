-- BRONZE on Snowflake. The first columns of the raw tables, in this order, are the contract; lineage columns follow.
-- Append-only; no key is declared, because Snowflake would not enforce it: the ledger prevents duplicates of an offset.
-- Timestamps are UTC. Rows arrive in the order of load_seq, by which dbt reads them: no clustering key is needed below
-- a terabyte, the size from which Snowflake recommends one.

-- Grain: one row per record of the topic tmdb.raw-movies, 404 answers included.
create table if not exists bronze.raw_movies (
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

-- Grain: one row per record of the topic tmdb.raw-genres.
create table if not exists bronze.raw_genres (
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

-- Grain: one row per partition: the first offset that is not in BRONZE yet.
-- A topic that is created again with the same name has another topic_id, and so its own positions.
create table if not exists bronze.load_positions (
  cluster_id varchar not null,
  topic varchar not null,
  topic_id varchar not null,
  kafka_partition number(38, 0) not null,
  next_offset number(38, 0) not null,
  updated_at timestamp_ntz not null
);

-- Grain: one row per loaded batch: the offsets [first_offset, next_offset) of one partition.
create table if not exists bronze.load_batches (
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

-- Grain: a single row. A loader first updates it and so locks it until its transaction ends: only one loader writes at a time.
create table if not exists bronze.load_lock (
  taken_at timestamp_ntz not null
);

-- Grain: one row per cutoff of a purge. Only documents of answers from before purged_before may be replaced.
-- finished_at is NULL while values of these documents may still be in SILVER or GOLD.
create table if not exists bronze.purges (
  purged_before timestamp_ntz not null,
  recorded_at timestamp_ntz not null,
  finished_at timestamp_ntz
);

-- Files of large batches.
create stage if not exists bronze.load_files;

-- The lines that COPY INTO has read from a file, before the same transaction copies them into the raw tables. Other transactions see only lines that an interrupted load has left.
create transient table if not exists bronze.load_lines (
  line variant
) data_retention_time_in_days = 0;
