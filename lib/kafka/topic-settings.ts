import { maxAheadMs } from '../../schemas/record-rules.ts';
import { type TopicName, topics } from '../../schemas/topics.ts';
import { maxRecordBytes } from './batches/limits.ts';

/** What a raw record holds beside the body: its URL, its headers and what Kafka adds. */
const envelopeBytes = 100_000;
/** What a dead letter says of the record that it holds. */
export const reasonBytes = 100_000;
const standardBodyBytes = 4_000_000;

/** What is promised of our topics; the README's table says which variable sets what. */
export interface TopicSettings {
  readonly partitions: number;
  readonly replicationFactor: number;
  /** How long raw answers and dead letters are kept (ms). */
  readonly rawRetentionMs: number;
  /** The largest body of an answer (bytes) that has to fit in a record. @default 4 MB */
  readonly maxBodyBytes?: number;
}

/** The most that one of our own records may take; a dead letter may have to hold a record as large as any. */
export const maxRecordBytesOf = (topic: string): number =>
  topic === topics.deadLetters ? maxRecordBytes + reasonBytes : maxRecordBytes;

/** The least `max.message.bytes` with which every record that we write fits into `topic`. */
export function neededRecordBytes(topic: TopicName, { maxBodyBytes = standardBodyBytes }: TopicSettings): number {
  if (topic === topics.movieIds) return envelopeBytes;
  return maxBodyBytes + envelopeBytes + (topic === topics.deadLetters ? reasonBytes : 0);
}

/** Topics whose records go by age; the ids topic keeps the newest record of each movie for ever. */
export const keptByAge: readonly TopicName[] = [topics.rawMovies, topics.rawGenres, topics.deadLetters];

/** Kafka knows this setting from 3.6 on. */
export const timestampBound = 'message.timestamp.after.max.ms';

/** The settings that a topic of ours is created with. */
export function configOf(topic: TopicName, settings: TopicSettings): Readonly<Record<string, string>> {
  const { replicationFactor, rawRetentionMs } = settings;
  const kept = { 'cleanup.policy': 'delete', 'retention.ms': String(rawRetentionMs), 'retention.bytes': '-1' };
  return {
    // One replica may be down: with acks=all nothing acknowledged is lost, and writing continues.
    'min.insync.replicas': String(Math.max(1, replicationFactor - 1)),
    'max.message.bytes': String(Math.max(maxRecordBytesOf(topic), neededRecordBytes(topic, settings))),
    // A writer whose clock is ahead is refused. Old times stay allowed: a mirror or a restored topic has them.
    [timestampBound]: String(maxAheadMs),
    ...(keptByAge.includes(topic) ? kept : { 'cleanup.policy': 'compact' }),
  };
}
