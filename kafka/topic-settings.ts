import { dayMs } from '../runtime/days.ts';
import { maxAheadMs } from '../schemas/record-rules.ts';
import type { Topic } from '../schemas/topics.ts';
import { maxRecordBytes } from './batches/limits.ts';

/** Bytes of a raw record besides the body: its URL, its headers and Kafka's own fields. */
const envelopeBytes = 100_000;
/** Bytes of a dead letter besides the record that it holds. */
export const reasonBytes = 100_000;

/** The guaranteed settings of our topics; docs/configuration.md lists the variables. */
export interface TopicSettings {
  readonly partitions: number;
  readonly replicationFactor: number;
  /** How long raw answers and dead letters are kept (ms). */
  readonly rawRetentionMs: number;
  /** The largest body of an answer (bytes) that has to fit in a record. */
  readonly maxBodyBytes: number;
}

/** The largest size (bytes) of our own records; a dead letter may have to hold a record of any size. */
export const maxRecordBytesOf = ({ content }: Pick<Topic, 'content'>): number =>
  content === 'record' ? maxRecordBytes + reasonBytes : maxRecordBytes;

/** The smallest `max.message.bytes` that fits every record that we write to the topic. */
export function neededRecordBytes({ content }: Topic, { maxBodyBytes }: TopicSettings): number {
  if (content === 'id') return envelopeBytes;
  return maxBodyBytes + envelopeBytes + (content === 'record' ? reasonBytes : 0);
}

/** Kafka has this setting since version 3.6. */
export const timestampBound = 'message.timestamp.after.max.ms';

/** Without it, an election after the loss of all other replicas may choose one that lacks acknowledged records. Some hosted clusters do not let users set it. */
export const uncleanElection = 'unclean.leader.election.enable';

/** Makes Kafka end and compact a segment at this age, however little of the topic is old. Kafka has this setting since version 2.3. */
export const compactionBound = 'max.compaction.lag.ms';

/** Without a bound, the newest segment is never compacted, and grows to 1 GB or for a week. */
const compactedWithinMs = dayMs;

/** Kafka deletes a segment when its newest record is older than the retention: the oldest record of it is then older by up to this time. */
export const segmentMs = dayMs;

/** The settings that a topic of ours is created with. */
export function configOf(topic: Topic, settings: TopicSettings): Readonly<Record<string, string>> {
  const { replicationFactor, rawRetentionMs } = settings;
  const kept = {
    'cleanup.policy': 'delete',
    'retention.ms': String(rawRetentionMs),
    'segment.ms': String(segmentMs),
    'retention.bytes': '-1',
  };
  const compacted = { 'cleanup.policy': 'compact', [compactionBound]: String(compactedWithinMs) };
  return {
    // One replica may be down: with acks=all no acknowledged record is lost, and writes continue.
    'min.insync.replicas': String(Math.max(1, replicationFactor - 1)),
    'max.message.bytes': String(Math.max(maxRecordBytesOf(topic), neededRecordBytes(topic, settings))),
    // Whatever the default of the cluster is.
    [uncleanElection]: 'false',
    // Refuses a writer whose clock is ahead. Old times stay allowed, because mirrors and restored topics have them.
    [timestampBound]: String(maxAheadMs),
    ...(topic.cleanup === 'delete' ? kept : compacted),
  };
}
