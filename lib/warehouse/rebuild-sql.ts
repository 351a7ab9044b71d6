import { type RawTable, RebuildError, type SwapReport } from './warehouse.ts';

/** What stands before the names of the tables that are filled beside BRONZE. */
export const rebuildPrefix = 'rebuild_';

/**
 * The pieces of the live batches that lie outside of what the rebuild has read of their partition: below its first offset, as
 * retention took it from the topic, or from its position on, as it was loaded meanwhile. A batch that is cut gets a name that
 * says so. What was loaded after the rebuild had begun is numbered after all that was rebuilt; the rest keeps its number,
 * which is below. @param lastSeq the highest number so far, of both.
 */
export const piecesSql = (lastSeq: bigint): string => `
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
         batch_id || case when keep_from = first_offset and keep_to = next_offset then ''
                          else '[' || keep_from || '-' || (keep_to - 1) || ']' end as new_id,
         case when is_renumbered then ${lastSeq} + row_number() over (partition by is_renumbered order by load_seq, keep_from)
              else load_seq end as new_seq
    from kept`;

/** Where a row's record is, and what it holds as one value. */
const contentsSql = (table: string, ledger: string, contents: string) => `
  select batches.cluster_id, batches.topic, batches.topic_id, raw.kafka_partition, raw.kafka_offset, ${contents} as contents
    from bronze.${table} as raw
    join bronze.${ledger} as batches on raw.batch_id = batches.batch_id and raw.load_seq = batches.load_seq`;

/**
 * Compares the two, record by record; `swapReport` reads the answer. @param contents for each raw table, a digest of what a
 * row of `raw` holds beside its lineage. @param pieces the table of `piecesSql`.
 */
export function comparisonSql(contents: Readonly<Record<RawTable, string>>, pieces: string): string {
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
             coalesce(sum(case when rebuilt is null then 1 end), 0) as unexplained,
             min(case when rebuilt is null then topic || '/' || kafka_partition || '/' || kafka_offset end) as example,
             coalesce(sum(case when times > 1 then times - 1 end), 0) as doubled
        from records
    ),
    taken_over as (
      select coalesce(sum(loaded.row_count), 0) as carried
        from bronze.${rebuildPrefix}load_batches as loaded
        join ${pieces} as pieces on loaded.batch_id = pieces.new_id and loaded.load_seq = pieces.new_seq
    )
    select totals.*, taken_over.carried from totals cross join taken_over`;
}

/** @throws RebuildError when the live BRONZE has rows that the rebuilt one has not, or the rebuilt one has some twice. */
export function swapReport(row: Readonly<Record<string, unknown>>): SwapReport {
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
    rows: count('row_count'),
    same: count('same'),
    corrected: count('corrected'),
    recovered: count('recovered'),
    carried: count('carried'),
  };
}
