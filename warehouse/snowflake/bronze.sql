-- BRONZE on Snowflake. The first columns of the raw tables, in this order, are the contract; lineage columns follow.
-- Append-only; no key is declared, as Snowflake would not enforce it: the ledger keeps an offset from coming twice.
-- Timestamps are UTC. Rows come in the order of load_seq, which is what dbt reads by: no clustering key is needed below
-- the terabyte from which Snowflake advises one.

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
  fetched_at timestamp_ntz not null
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
-- A topic that was made anew under the same name has another topic_id, and positions of its own.
create table if not exists bronze.load_positions (
  cluster_id varchar not null,
  topic varchar not null,
  topic_id varchar not null,
  kafka_partition number(38, 0) not null,
  next_offset number(38, 0) not null,
  updated_at timestamp_ntz not null
);

-- Grain: one row per batch that was loaded: the offsets [first_offset, next_offset) of one partition.
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

-- Grain: one row in all. Whoever loads updates it first and so has it locked until the end of its transaction: loaders take turns.
create table if not exists bronze.load_turn (
  taken_at timestamp_ntz not null
);

-- Files of large batches.
create stage if not exists bronze.load_files;

-- What COPY INTO has read of a file, on its way into the raw tables within the same transaction: empty to everybody else.
create transient table if not exists bronze.load_lines (
  line variant
) data_retention_time_in_days = 0;
