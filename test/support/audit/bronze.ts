import { createHash } from 'node:crypto';
import { expiredDocument } from '../../../warehouse/expiry.ts';
import type { AuditReport, Findings, Rows } from './audit.ts';
import { batchPrefix, bronzeContents, type KafkaContents, type RawEntry, rawTopics } from './topics.ts';

const tableOf = { 'tmdb.raw-movies': 'raw_movies', 'tmdb.raw-genres': 'raw_genres' } as const;

/** A row, found through its batch. */
const recordsOf = (topic: (typeof rawTopics)[number]) => `
  select cluster_id, topic, coalesce(nullif(topic_id, ''), 'unknown') as topic_id, raw.kafka_partition, raw.kafka_offset,
         raw.batch_id, raw.load_seq, epoch_ms(raw.ingested_at) as ingested_ms, loaded.first_offset, loaded.next_offset, loaded.batch_id is null as is_stray,
         ${bronzeContents[topic]} as contents
    from bronze.${tableOf[topic]} as raw
    left join bronze.load_batches as loaded
      on loaded.batch_id = raw.batch_id and loaded.load_seq = raw.load_seq and loaded.topic = '${topic}'`;

/** A1 to A4. */
export async function compareBronze(
  rows: Rows,
  kafka: KafkaContents,
  findings: Findings,
): Promise<Pick<AuditReport, 'bronzeRows' | 'rowsOfOld'>> {
  const counts = { bronzeRows: 0, rowsOfOld: 0 };
  for (const topic of rawTopics) {
    await noOffsetTwice(rows, topic, findings);
    const raw = kafka.raw.filter((entry) => entry.topic === topic);
    const { total, old } = await sameRecords(rows, topic, { ...kafka, raw }, findings);
    counts.bronzeRows += total;
    counts.rowsOfOld += old;
    await batchesSayWhatIsThere(rows, topic, findings);
    await positionsAreAtTheEnd(rows, topic, { ...kafka, raw }, findings);
  }
  return counts;
}

/** A1: counted by DuckDB only, over all clusters and topics that this BRONZE ever had. */
async function noOffsetTwice(rows: Rows, topic: (typeof rawTopics)[number], findings: Findings): Promise<void> {
  const [counted = {}] = await rows(`
    select count(*) as rows, count(distinct (cluster_id, topic_id, kafka_partition, kafka_offset)) as offsets
      from (${recordsOf(topic)})`);
  const { rows: all, offsets } = counted;
  if (all !== offsets) findings.add('A1', `${topic}: rows and offsets`, [`${all} rows, ${offsets} different offsets`]);
  const strays = await rows(`select kafka_partition, kafka_offset, batch_id from (${recordsOf(topic)}) where is_stray`);
  findings.add('A1', `${topic}: rows of no batch in the ledger`, strays);
}

/** A2 and A3: every record against every row, and every row against every record. */
async function sameRecords(
  rows: Rows,
  topic: (typeof rawTopics)[number],
  { clusterId, topicIds, ends, raw, parked }: KafkaContents,
  findings: Findings,
): Promise<{ readonly total: number; readonly old: number }> {
  const bronze = await rows(`select * from (${recordsOf(topic)})`);
  const topicId = topicIds.get(topic);
  const ofNow = bronze.filter((row) => {
    const isOfTopic = row['cluster_id'] === clusterId && (row['topic_id'] === topicId || row['topic_id'] === 'unknown');
    const end = ends.get(`${topic}/${row['kafka_partition']}`);
    return isOfTopic && (row['kafka_offset'] as bigint) >= (end?.low ?? 0n);
  });
  const addressOf = (row: Record<string, unknown>) => `${topic}/${row['kafka_partition']}/${row['kafka_offset']}`;
  const inBronze = new Map(ofNow.map((row) => [addressOf(row), String(row['contents'])]));
  const ingestedAt = new Map(ofNow.map((row) => [addressOf(row), Number(row['ingested_ms'])]));
  const inKafka = new Map(raw.map((entry) => [entry.address, entry]));
  const wanted = raw.filter(({ address }) => !parked.has(address));
  const answers = new Set([...inBronze.values()].map(withoutHash));
  const lost = wanted.filter(
    // A record that was sent back is no row if another row has its answer.
    ({ address, isSentBack, contents }) =>
      !inBronze.has(address) && !(isSentBack && answers.has(withoutHash(contents ?? ''))),
  );
  findings.add('A2', 'in Kafka, neither in BRONZE nor parked', addresses(lost));
  const invented = [...inBronze.keys()].filter((address) => !inKafka.has(address));
  findings.add('A2', 'in BRONZE and not in Kafka', invented);
  const both = [...inBronze.keys()].filter((address) => parked.has(address));
  findings.add('A2', 'in BRONZE and parked', both);
  const purgedBefore = await purgeLimit(rows);
  const changed = [...inBronze].flatMap(([address, contents]) => {
    const record = inKafka.get(address);
    const isIngestedBefore = (ingestedAt.get(address) ?? purgedBefore) < purgedBefore;
    if (contents === withoutDocument(record?.contents ?? null, purgedBefore, isIngestedBefore)) return [];
    return record && record.contents !== contents ? [`${address}: ${record.contents} became ${contents}`] : [];
  });
  findings.add('A3', 'not what the record holds', changed);
  const unexplained = await rows(`
    select kafka_partition, kafka_offset from (${recordsOf(topic)})
     where contents like '${expiredHash} %'
       and least(split_part(contents, ' ', -1)::bigint, ingested_ms) >= ${purgedBefore}`);
  findings.add('A3', `${topic}: rows without a document that no purge has removed`, unexplained);
  return { total: bronze.length, old: bronze.length - ofNow.length };
}

/** Answers from before this time (ms since 1970), or loaded before it, may have lost their documents. A limit in the future explains nothing. */
async function purgeLimit(rows: Rows): Promise<number> {
  const [row] = await rows(`
    select coalesce(max(epoch_ms(purged_before)), 0) as limit_ms from bronze.purges
     where purged_before <= recorded_at and epoch_ms(purged_before) <= ${Date.now()}`);
  return Number(row?.['limit_ms'] ?? 0);
}

const expiredHash = createHash('sha256').update(expiredDocument).digest('hex');

/** The contents of a row whose document a purge has removed; null if it is not old enough. They end with the time of the answer. */
function withoutDocument(contents: string | null, purgedBefore: number, isIngestedBefore: boolean): string | null {
  if (contents === null) return null;
  const isOld = isIngestedBefore || Number(contents.slice(contents.lastIndexOf(' '))) < purgedBefore;
  return isOld ? contents.replace(/^\S+/, expiredHash) : null;
}

/** Without the document, which a purge may have removed. */
const withoutHash = (contents: string): string => contents.slice(contents.indexOf(' '));

const addresses = (entries: readonly RawEntry[]): string[] => entries.map(({ address }) => address);

/** A4: each batch's ledger line compared with its rows, and the batches of a partition with each other. */
async function batchesSayWhatIsThere(rows: Rows, topic: (typeof rawTopics)[number], findings: Findings): Promise<void> {
  const wrong = await rows(`
    with loaded as (select * from bronze.load_batches where topic = '${topic}'),
    counted as (
      select loaded.batch_id, loaded.load_seq, loaded.row_count, loaded.payload_bytes,
             count(raw.batch_id) as rows, coalesce(sum(strlen(raw.raw_data::varchar)), 0)::bigint as bytes,
             count(*) filter (raw.kafka_partition <> loaded.kafka_partition or raw.kafka_offset < loaded.first_offset
               or raw.kafka_offset >= loaded.next_offset) as outside
        from loaded
        left join bronze.${tableOf[topic]} as raw on raw.batch_id = loaded.batch_id and raw.load_seq = loaded.load_seq
       group by all
    )
    select * from counted where rows <> row_count or bytes <> payload_bytes or outside > 0`);
  findings.add('A4', `${topic}: batches whose line does not say what their rows are`, wrong);
  const overlapping = await rows(`
    with loaded as (
      select *, lag(next_offset) over (
               partition by cluster_id, topic_id, kafka_partition order by first_offset, next_offset
             ) as before
        from bronze.load_batches
       -- A replay into BRONZE adds missing rows between existing ones.
       where topic = '${topic}' and batch_id not like '%/replay-%'
    )
    select batch_id, before from loaded where first_offset < before`);
  findings.add('A4', `${topic}: batches that overlap`, overlapping);
}

/** A4: a position is the offset after the last record, or after offsets of which Kafka keeps no records. */
async function positionsAreAtTheEnd(
  rows: Rows,
  topic: (typeof rawTopics)[number],
  { clusterId, topicIds, ends, raw }: KafkaContents,
  findings: Findings,
): Promise<void> {
  const stored = await rows(`
    select positions.kafka_partition, positions.next_offset, max(loaded.next_offset) as loaded_to
      from bronze.load_positions as positions
      left join bronze.load_batches as loaded
        on (loaded.cluster_id, loaded.topic, loaded.topic_id, loaded.kafka_partition)
         = (positions.cluster_id, positions.topic, positions.topic_id, positions.kafka_partition)
     where positions.cluster_id = '${clusterId}' and positions.topic = '${topic}'
       and positions.topic_id in ('${topicIds.get(topic)}', '')
     group by positions.rowid, positions.kafka_partition, positions.next_offset`);
  const last = new Map<number, bigint>();
  for (const { partition, offset } of raw) {
    if (offset >= (last.get(partition) ?? -1n)) last.set(partition, offset);
  }
  const positions = new Map(stored.map((row) => [Number(row['kafka_partition']), row['next_offset'] as bigint]));
  findings.add(
    'A4',
    `${topic}: partitions with several positions`,
    stored.length > positions.size ? [`${stored.length} for ${positions.size} partitions`] : [],
  );
  const wrong = [...ends].flatMap(([key, { high }]) => {
    const [name, partition] = [key.slice(0, key.lastIndexOf('/')), Number(key.slice(key.lastIndexOf('/') + 1))];
    const after = (last.get(partition) ?? -1n) + 1n;
    const position = positions.get(partition) ?? 0n;
    return name !== topic || (position >= after && position <= high) ? [] : [`${key} at ${position}, not ${after}`];
  });
  findings.add('A4', 'positions that are not after the last record', wrong);
  const behind = stored.filter((row) => ((row['loaded_to'] as bigint | null) ?? 0n) > (row['next_offset'] as bigint));
  findings.add('A4', `${topic}: positions that their batches have passed`, behind);
}

/** A7: every published id was answered after it was published, or parked. */
export function everyIdCameToAnEnd({ ids, raw, parked }: KafkaContents, findings: Findings): void {
  const answeredAt = new Map<number, number>();
  for (const { answer } of raw) {
    if (!answer) continue;
    answeredAt.set(answer.movieId, Math.max(answer.fetchedAtMs, answeredAt.get(answer.movieId) ?? 0));
  }
  const open = ids.filter(
    ({ address, id }) => !parked.has(address) && !(id && (answeredAt.get(id.movieId) ?? 0) >= id.requestedAtMs),
  );
  findings.add('A7', 'ids without an outcome', open);
}

/** A7: a dead letter equals the record at its origin, if Kafka still has it. */
export function lettersAreTrue({ letters, raw, ids }: KafkaContents, findings: Findings): void {
  const there = new Map([...raw, ...ids].map(({ address, hash }) => [address, hash]));
  // A skipped batch is kept as a whole, but its records can be read here, so they cannot be compared.
  const isBatch = (hash: string) => hash.startsWith(batchPrefix);
  const false_ = letters.filter(({ origin, hash }) => {
    const found = there.get(origin);
    return hash !== null && found !== undefined && isBatch(found) === isBatch(hash) && found !== hash;
  });
  findings.add('A7', 'dead letters that differ from the record at their origin', false_);
}
