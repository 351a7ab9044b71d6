import { answerColumns } from './sent-back.ts';
import { type RawTable, RebuildError, type RecordAddress, rawTables, type SwapReport } from './warehouse.ts';

/** The prefix of the tables that are filled beside BRONZE. */
export const rebuildPrefix = 'rebuild_';

/**
 * The parts of the live batches that the rebuild has not read in their partition: below its first offset, because
 * retention removed them from the topic, or from its position on, because they were loaded meanwhile. The name of a batch
 * that is cut says so. Batches loaded after the rebuild began are numbered after all rebuilt ones; the others keep their numbers,
 * which are lower. @param lastSeq the highest number so far, of both.
 */
// mutant: rebuild.loaded-meanwhile
export const uncoveredSql = (lastSeq: bigint): string => `
  with covered as (
    select cluster_id, topic, topic_id, kafka_partition, min(first_offset) as low, max(next_offset) as high
      from bronze.${rebuildPrefix}load_batches
     group by cluster_id, topic, topic_id, kafka_partition
  ),
  live as (
    select batches.load_seq, batches.batch_id, batches.cluster_id, batches.topic, batches.topic_id, batches.kafka_partition,
           batches.first_offset, batches.next_offset, batches.row_count, batches.payload_bytes, batches.loaded_at,
           covered.low, covered.high
      from bronze.load_batches as batches
      left join covered
        on covered.cluster_id = batches.cluster_id and covered.topic = batches.topic
           and covered.topic_id = batches.topic_id and covered.kafka_partition = batches.kafka_partition
  ),
  cut as (
    select live.*, first_offset as keep_from, least(next_offset, coalesce(low, next_offset)) as keep_to, false as is_above
      from live
     union all
    select live.*, greatest(first_offset, coalesce(high, next_offset)) as keep_from, next_offset as keep_to, true as is_above
      from live
  ),
  kept as (
    select cut.*, is_above or load_seq >= (select min(load_seq) from bronze.${rebuildPrefix}load_batches) as is_renumbered
      from cut
     where keep_from < keep_to
  )
  select load_seq, batch_id, cluster_id, topic, topic_id, kafka_partition, row_count, payload_bytes, loaded_at, keep_from, keep_to,
         case when low is null then 0 else 1 end as is_of_read_partition,
         batch_id || case when keep_from = first_offset and keep_to = next_offset then ''
                          else '[' || keep_from || '-' || (keep_to - 1) || ']' end as new_id,
         case when is_renumbered then ${lastSeq} + row_number() over (partition by is_renumbered order by load_seq, keep_from)
              else load_seq end as new_seq
    from kept`;

/**
 * SQL that joins each answer of the rebuild, as `same`, to the rows of the same answer. @param row the rows' name.
 * @param which condition for answers: fewer take less time.
 */
const sameAnswerJoin = (table: RawTable, row: string, which = '1 = 1'): string => {
  const columns = answerColumns[table];
  return `left join (select distinct ${columns.join(', ')} from bronze.${rebuildPrefix}${table} where ${which}) as same
    on ${columns.map((column) => `${row}.${column} = same.${column}`).join(' and ')}`;
};

/**
 * SQL for the rows of the uncovered ranges: from `live` and `uncovered`. Without rows of a partition that the rebuild has read whose answer it
 * has at another offset: one of both records was sent back.
 */
export const uncoveredRows = (table: RawTable, uncovered: string): string => {
  const [key] = answerColumns[table];
  const ofThese = `${key} in (select ${key} from bronze.${table} where load_seq in (select load_seq from ${uncovered}))`;
  return `
      from bronze.${table} as live
      join ${uncovered} as uncovered on live.batch_id = uncovered.batch_id and live.load_seq = uncovered.load_seq
      ${sameAnswerJoin(table, 'live', ofThese)}
     where live.kafka_offset >= uncovered.keep_from and live.kafka_offset < uncovered.keep_to
       and (same.fetched_at is null or uncovered.is_of_read_partition = 0)`; // mutant: rebuild.sent-back-meanwhile
};

/** The address of a row's record, and its contents as one value. */
const contentsSql = (table: string, ledger: string, contents: string) => `
  select batches.cluster_id, batches.topic, batches.topic_id, raw.kafka_partition, raw.kafka_offset, ${contents} as contents
    from bronze.${table} as raw
    join bronze.${ledger} as batches on raw.batch_id = batches.batch_id and raw.load_seq = batches.load_seq`;

/**
 * Compares both, record by record; `swapReport` reads the result. @param contents for each raw table, a digest of the columns
 * of `raw` other than its lineage. @param uncovered the table of `uncoveredSql`.
 */
export function comparisonSql(contents: Readonly<Record<RawTable, string>>, uncovered: string): string {
  const all = (of: string) =>
    Object.entries(contents)
      .map(([table, digest]) => contentsSql(`${of}${table}`, `${of}load_batches`, digest))
      .join(' union all ');
  return `
    with both_sides as (
      select live.*, null as rebuilt_contents, 0 as rebuilt_row from (${all('')}) as live
       union all
      select cluster_id, topic, topic_id, kafka_partition, kafka_offset, null, contents, 1 from (${all(rebuildPrefix)}) as rebuilt
    ),
    records as (
      select topic, kafka_partition, kafka_offset, max(contents) as was, max(rebuilt_contents) as rebuilt,
             sum(rebuilt_row) as times
        from both_sides
       group by cluster_id, topic, topic_id, kafka_partition, kafka_offset
    ),
    totals as (
      select coalesce(sum(times), 0) as row_count,
             coalesce(sum(case when was = rebuilt then 1 end), 0) as same,
             coalesce(sum(case when was <> rebuilt then 1 end), 0) as corrected,
             coalesce(sum(case when was is null then 1 end), 0) as recovered,
             coalesce(sum(case when rebuilt is null then 1 end), 0) as missing,
             coalesce(sum(case when times > 1 then times - 1 end), 0) as doubled
        from records
    ),
    copied as (
      select coalesce(sum(loaded.row_count), 0) as retained
        from bronze.${rebuildPrefix}load_batches as loaded
        join ${uncovered} as uncovered on loaded.batch_id = uncovered.new_id and loaded.load_seq = uncovered.new_seq
    )
    select totals.*, copied.retained from totals cross join copied`;
}

/**
 * Records that have a row in the live BRONZE but none in the rebuild, in the offsets that the rebuild has read. `is_repeated` is 1 if the
 * rebuild has the same answer at another offset.
 */
export const missingSql = (): string =>
  rawTables
    .map(
      (table) => `
        select batches.topic, raw.kafka_partition, raw.kafka_offset,
               case when same.fetched_at is null then 0 else 1 end as is_repeated
          from bronze.${table} as raw
          join bronze.load_batches as batches on raw.batch_id = batches.batch_id and raw.load_seq = batches.load_seq
          join (
            select cluster_id, topic, topic_id, kafka_partition, min(first_offset) as low, max(next_offset) as high
              from bronze.${rebuildPrefix}load_batches
             group by cluster_id, topic, topic_id, kafka_partition
          ) as covered
            on batches.cluster_id = covered.cluster_id and batches.topic = covered.topic
               and batches.topic_id in (covered.topic_id, '') and raw.kafka_partition = covered.kafka_partition
               and raw.kafka_offset >= covered.low and raw.kafka_offset < covered.high
          left join (
            select lines.cluster_id, lines.topic, lines.topic_id, lines.kafka_partition, rebuilt.kafka_offset
              from bronze.${rebuildPrefix}${table} as rebuilt
              join bronze.${rebuildPrefix}load_batches as lines
                on rebuilt.batch_id = lines.batch_id and rebuilt.load_seq = lines.load_seq
          ) as there
            on covered.cluster_id = there.cluster_id and covered.topic = there.topic and covered.topic_id = there.topic_id
               and raw.kafka_partition = there.kafka_partition and raw.kafka_offset = there.kafka_offset
          ${sameAnswerJoin(table, 'raw')}
         where there.kafka_offset is null`,
    )
    .join(' union all ');

/** The rows of `missingSql`. */
export class MissingRows {
  /** Records that the rebuild should have. */
  readonly lost: readonly RecordAddress[];
  /** The number of rows whose answer the rebuild has at another offset. */
  readonly repeated: number;

  constructor(rows: readonly Readonly<Record<string, unknown>>[]) {
    this.lost = rows.filter((row) => Number(row['is_repeated']) === 0).map(addressIn); // mutant: rebuild.sent-back
    this.repeated = rows.length - this.lost.length;
  }
}

const addressIn = (row: Readonly<Record<string, unknown>>): RecordAddress =>
  `${String(row['topic'])}/${Number(row['kafka_partition'])}/${BigInt(String(row['kafka_offset']))}`;

/**
 * The result of a rebuild. @param row of `comparisonSql`. @param missing the rows that the live BRONZE has and the rebuilt one
 * lacks. Unless they are repeated or `refused`, their records should be in the topics.
 * @throws RebuildError if there are missing rows that are neither, or if the rebuilt BRONZE has duplicate rows.
 */
export function swapReport(
  row: Readonly<Record<string, unknown>>,
  { lost, repeated }: MissingRows,
  refused: ReadonlySet<RecordAddress>,
): SwapReport {
  const count = (name: string) => Number(row[name] ?? 0);
  const unexplained = lost.filter((address) => !refused.has(address)); // mutant: rebuild.missing-rows
  if (unexplained.length > 0 || count('missing') > lost.length + repeated) {
    throw new RebuildError(
      `BRONZE has ${unexplained.length || count('missing')} rows whose records should be in the topics but are not, such as ` +
        `${unexplained[0] ?? 'some of another topic'}. BRONZE is unchanged. ` +
        'Find out why these records are missing, then start again with --restart',
    );
  }
  if (count('doubled') > 0) {
    throw new RebuildError(
      `the rebuilt BRONZE would have ${count('doubled')} duplicate rows. BRONZE is unchanged; start again with --restart`,
    );
  }
  return {
    rows: count('row_count'),
    same: count('same'),
    corrected: count('corrected'),
    recovered: count('recovered'),
    refused: lost.length,
    repeated,
    retained: count('retained'),
  };
}
