import type { DuckDBConnection } from '@duckdb/node-api';
import type { Clock } from '../../runtime/clock.ts';
import {
  comparisonSql,
  MissingRows,
  missingSql,
  rebuildPrefix as prefix,
  swapReport,
  uncoveredRows,
  uncoveredSql,
} from '../rebuild-sql.ts';
import { bronzeTables, type Rebuild, type RecordAddress, rawTables, type SwapReport } from '../warehouse.ts';
import type { DuckDbFileOptions } from './file.ts';
import { LoadLedger, lastLoadSeq } from './ledger.ts';
import { reopenCutoff } from './purged-before.ts';
import { openSharedFile, type SharedFile } from './shared-file.ts';
import { bronzeSql, DuckDbWarehouse, queryOf } from './warehouse.ts';

/** @throws the errors of `openDuckDbFile`, as do all its calls. */
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

  async missing(): Promise<readonly RecordAddress[]> {
    return (await this.file.use(missingRows)).lost;
  }

  promote(refused: ReadonlySet<RecordAddress> = new Set()): Promise<SwapReport> {
    return this.file.transaction(async (connection) => {
      await copyUncovered(connection);
      const report = await compare(connection, refused);
      if (report.corrected > 0) await reopenCutoff(connection, new Date(this.clock.now())); // mutant: purge.rebuild-reopens
      // crash point: replay.compared
      for (const table of bronzeTables) {
        await connection.run(`drop table bronze.${table}; alter table bronze.${prefix}${table} rename to ${table}`);
      }
      // crash point: replay.swapped
      return report;
    });
  }

  discard(): Promise<void> {
    return this.file.transaction(dropRebuild);
  }
}

/** Deletes the tables of a rebuild, in the caller's transaction. */
export async function dropRebuild(connection: DuckDBConnection): Promise<void> {
  for (const table of bronzeTables) await connection.run(`drop table if exists bronze.${prefix}${table}`);
}

/** Ledger lines from before topic ids were stored belong to the present topic. */
const adoptSql = (table: string) => `
  update bronze.${table} as old set topic_id = now.topic_id
    from (select distinct cluster_id, topic, topic_id from bronze.${prefix}load_batches) as now
   where old.topic_id = '' and old.cluster_id = now.cluster_id and old.topic = now.topic`;

/** Copies the rows and ledger lines of the uncovered ranges, and the live positions, into the rebuild. */
async function copyUncovered(connection: DuckDBConnection): Promise<void> {
  for (const table of ['load_batches', 'load_positions']) await connection.run(adoptSql(table));
  await connection.run(
    `create or replace temp table uncovered as ${uncoveredSql(await lastLoadSeq(connection, prefix))}`,
  );
  for (const table of rawTables) {
    await connection.run(`
      insert into bronze.${prefix}${table}
      select live.* replace (uncovered.new_id as batch_id, uncovered.new_seq as load_seq)
      ${uncoveredRows(table, 'uncovered')}
       order by uncovered.new_seq, live.kafka_offset`);
  }
  const counted = rawTables
    .map(
      (table) => `select batch_id, load_seq, strlen(raw_data) as bytes from bronze.${prefix}${table}
                   where load_seq in (select new_seq from uncovered)`,
    )
    .join(' union all ');
  await connection.run(`
    insert into bronze.${prefix}load_batches
      (load_seq, batch_id, cluster_id, topic, kafka_partition, first_offset, next_offset, row_count, payload_bytes, loaded_at, topic_id)
    select new_seq, new_id, cluster_id, topic, kafka_partition, keep_from, keep_to,
           count(counted.batch_id), coalesce(sum(counted.bytes), 0), loaded_at, topic_id
      from uncovered left join (${counted}) as counted on counted.batch_id = new_id and counted.load_seq = new_seq
     group by all;
    delete from bronze.${prefix}load_positions;
    insert into bronze.${prefix}load_positions by name from bronze.load_positions`);
}

/** All of a row but its lineage as a number: one of 2^64, so two that differ do not meet by chance. */
const contents = 'hash(*columns(raw.* exclude (ingested_at, batch_id, load_seq, kafka_partition, kafka_offset)))';

/** @throws RebuildError when the live BRONZE has rows that the rebuilt one has not, or the rebuilt one has some twice. */
async function compare(connection: DuckDBConnection, refused: ReadonlySet<RecordAddress>): Promise<SwapReport> {
  const sql = comparisonSql({ raw_movies: contents, raw_genres: contents }, 'uncovered');
  const [row = {}] = (await connection.runAndReadAll(sql)).getRowObjectsJS();
  return swapReport(row, Number(row['missing']) > 0 ? await missingRows(connection) : new MissingRows([]), refused);
}

async function missingRows(connection: DuckDBConnection): Promise<MissingRows> {
  return new MissingRows(await queryOf(connection)(missingSql()));
}
