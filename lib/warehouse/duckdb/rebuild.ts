import type { DuckDBConnection } from '@duckdb/node-api';
import type { Clock } from '../../clock.ts';
import { type Rebuild, RebuildError, type SwapReport } from '../warehouse.ts';
import type { DuckDbFileOptions } from './file.ts';
import { LoadLedger, lastLoadSeq } from './ledger.ts';
import { openSharedFile, type SharedFile } from './shared-file.ts';
import { bronzeSql, DuckDbWarehouse } from './warehouse.ts';

const prefix = 'rebuild_';
const rawTables = ['raw_movies', 'raw_genres'] as const;
const tables = [...rawTables, 'load_positions', 'load_batches'];

/** @throws what `openDuckDbFile` throws, as do all its calls. */
export async function openDuckDbRebuild(options: DuckDbFileOptions): Promise<Rebuild> {
  return new DuckDbRebuild(await openSharedFile(options), options.clock);
}

class DuckDbRebuild extends DuckDbWarehouse implements Rebuild {
  constructor(file: SharedFile, clock: Clock) {
    super(file, clock, new LoadLedger(prefix));
  }

  override async migrate(): Promise<void> {
    await super.migrate();
    const beside = bronzeSql.replaceAll(/\bbronze\.(raw_|load_)/g, `bronze.${prefix}$1`);
    await this.file.use(async (connection) => void (await connection.run(beside)));
  }

  swapIn(): Promise<SwapReport> {
    return this.file.transaction(async (connection) => {
      await carryOver(connection);
      const report = await compare(connection);
      // crash point: replay.compared
      for (const table of tables) {
        await connection.run(`drop table bronze.${table}; alter table bronze.${prefix}${table} rename to ${table}`);
      }
      // crash point: replay.swapped
      return report;
    });
  }

  discard(): Promise<void> {
    return this.file.transaction(async (connection) => {
      for (const table of tables) await connection.run(`drop table if exists bronze.${prefix}${table}`);
    });
  }
}

/** Lines from before topic ids were kept belong to the topic of now. */
const adoptSql = (table: string) => `
  update bronze.${table} as old set topic_id = now.topic_id
    from (select distinct cluster_id, topic, topic_id from bronze.${prefix}load_batches) as now
   where old.topic_id = '' and old.cluster_id = now.cluster_id and old.topic = now.topic`;

/**
 * The pieces of the live batches that lie outside of what the rebuild has read of their partition: below its first offset, as
 * retention took it from the topic, or from its position on, as it was loaded meanwhile. A batch that is cut gets a name that
 * says so. What was loaded after the rebuild had begun is numbered after all that was rebuilt; the rest keeps its number,
 * which is below.
 */
const piecesSql = `
  create or replace temp table pieces as
  with covered as (
    select cluster_id, topic, topic_id, kafka_partition, min(first_offset) as low, max(next_offset) as high
      from bronze.${prefix}load_batches
     group by all
  ),
  cut as (
    select live.*, unnest([
             {'keep_from': live.first_offset, 'keep_to': least(live.next_offset, coalesce(covered.low, live.next_offset)), 'is_above': false},
             {'keep_from': greatest(live.first_offset, coalesce(covered.high, live.next_offset)), 'keep_to': live.next_offset, 'is_above': true}
           ], recursive := true)
      from bronze.load_batches as live
      left join covered using (cluster_id, topic, topic_id, kafka_partition)
  ),
  kept as (
    select *, is_above or load_seq >= (select min(load_seq) from bronze.${prefix}load_batches) as is_renumbered
      from cut
     where keep_from < keep_to
  )
  select *,
         batch_id || case when keep_from = first_offset and keep_to = next_offset then ''
                          else '[' || keep_from || '-' || keep_to - 1 || ']' end as new_id,
         case when is_renumbered then $1 + row_number() over (partition by is_renumbered order by load_seq) else load_seq end as new_seq
    from kept`;

/** Rows and lines of the pieces, and the live positions, into the rebuild. */
async function carryOver(connection: DuckDBConnection): Promise<void> {
  for (const table of ['load_batches', 'load_positions']) await connection.run(adoptSql(table));
  await connection.run(piecesSql, [await lastLoadSeq(connection, prefix)]);
  for (const table of rawTables) {
    await connection.run(`
      insert into bronze.${prefix}${table}
      select live.* replace (pieces.new_id as batch_id, pieces.new_seq as load_seq)
        from bronze.${table} as live
        join pieces on live.batch_id = pieces.batch_id and live.load_seq = pieces.load_seq
       where live.kafka_offset >= pieces.keep_from and live.kafka_offset < pieces.keep_to
       order by pieces.new_seq, live.kafka_offset`);
  }
  const counted = rawTables
    .map(
      (table) => `select batch_id, load_seq, strlen(raw_data) as bytes from bronze.${prefix}${table}
                   where load_seq in (select new_seq from pieces)`,
    )
    .join(' union all ');
  await connection.run(`
    insert into bronze.${prefix}load_batches
      (load_seq, batch_id, cluster_id, topic, kafka_partition, first_offset, next_offset, row_count, payload_bytes, loaded_at, topic_id)
    select new_seq, new_id, cluster_id, topic, kafka_partition, keep_from, keep_to,
           count(counted.batch_id), coalesce(sum(counted.bytes), 0), loaded_at, topic_id
      from pieces left join (${counted}) as counted on counted.batch_id = new_id and counted.load_seq = new_seq
     group by all;
    delete from bronze.${prefix}load_positions;
    insert into bronze.${prefix}load_positions by name from bronze.load_positions`);
}

/** Where a row's record is, and what it holds as a number: one of 2^64, so two that differ do not meet by chance. */
const contentsOf = (table: string, ledger: string) => `
  select batches.cluster_id, batches.topic, batches.topic_id, raw.kafka_partition, raw.kafka_offset,
         hash(*columns(raw.* exclude (ingested_at, batch_id, load_seq, kafka_partition, kafka_offset))) as contents
    from bronze.${table} as raw
    join bronze.${ledger} as batches on raw.batch_id = batches.batch_id and raw.load_seq = batches.load_seq`;

/** @throws RebuildError when the live BRONZE has rows that the rebuilt one has not, or the rebuilt one has some twice. */
async function compare(connection: DuckDBConnection): Promise<SwapReport> {
  const all = (of: string) =>
    rawTables.map((table) => contentsOf(`${of}${table}`, `${of}load_batches`)).join(' union all ');
  const sql = `
    with before as (${all('')}), rebuilt as (${all(prefix)})
    select count(rebuilt.contents) as rows,
           count(*) filter (before.contents = rebuilt.contents) as same,
           count(*) filter (before.contents <> rebuilt.contents) as corrected,
           count(*) filter (before.contents is null) as recovered,
           (select coalesce(sum(loaded.row_count), 0) from bronze.${prefix}load_batches as loaded
              join pieces on loaded.batch_id = pieces.new_id and loaded.load_seq = pieces.new_seq) as carried,
           count(*) filter (rebuilt.contents is null) as unexplained,
           min(before.topic || '/' || before.kafka_partition || '/' || before.kafka_offset)
             filter (rebuilt.contents is null) as example,
           count(*) - count(distinct (cluster_id, topic, topic_id, kafka_partition, kafka_offset)) as doubled
      from before full join rebuilt using (cluster_id, topic, topic_id, kafka_partition, kafka_offset)`;
  const [row = {}] = (await connection.runAndReadAll(sql)).getRowObjectsJS();
  const count = (name: string) => Number(row[name] ?? 0);
  if (count('unexplained') > 0) {
    throw new RebuildError(
      `BRONZE has ${count('unexplained')} rows that the topics should have and have not, such as ${row['example']}: it stays as it is. ` +
        'Look at them, and begin anew with --restart when they are explained',
    );
  }
  if (count('doubled') > 0) {
    throw new RebuildError(
      `the rebuilt BRONZE would have ${count('doubled')} rows twice: it stays as it is; begin anew with --restart`,
    );
  }
  return {
    rows: count('rows'),
    same: count('same'),
    corrected: count('corrected'),
    recovered: count('recovered'),
    carried: count('carried'),
  };
}
