import { z } from 'zod';
import { closingOf, sentBack } from '../consumers/dead-letter.ts';
import type { KafkaCluster } from '../kafka/cluster.ts';
import { publishInGroups } from '../kafka/publish-in-groups.ts';
import type { Sink } from '../kafka/topic.ts';
import { systemClock } from '../runtime/clock.ts';
import { count, type ValueOf } from '../runtime/shape.ts';
import type { Codec } from '../schemas/codec.ts';
import { idTopics, type Topic, type Topics } from '../schemas/topics.ts';
import { type DryRunResult, dryRunResultShape, simulate } from './dry-run.ts';
import { eachBatch, type Letter } from './store.ts';

export interface RedrivePorts {
  readonly kafka: KafkaCluster;
  /** This number of letters is finished. */
  readonly onProgress: (done: number) => void;
}

export interface RedriveOptions {
  /** A record with this number of replays is not sent back again, which ends a loop. */
  readonly maxReplays: number;
  /** An older answer (ms) is not sent back: Kafka would keep it as long as a new one. */
  readonly maxAnswerAgeMs: number;
  /** Aborts to stop after the current batch. */
  readonly signal: AbortSignal;
}

const refusedShape = z.object({
  id: z.string().describe("TOPIC/PARTITION/OFFSET of the record's first origin"),
  why: z.string().describe('the reason'),
});
export type Refused = ValueOf<typeof refusedShape>;

/** The (simulated) result of sending records back. */
export const redriveShape = z.object({
  isDryRun: z.boolean().describe('whether nothing was sent back'),
  redriven: count.describe('records that were sent back'),
  refused: z.array(refusedShape).describe('letters whose record was not sent back, or would not be'),
  simulated: z.array(dryRunResultShape).describe('of a dry run: what would become of each record; otherwise empty'),
});
export type Redriven = ValueOf<typeof redriveShape>;

/** Bytes as they are. */
const codec: Codec<Buffer> = { encode: (bytes) => bytes, decode: (bytes) => bytes };

/** The topics whose consumer parks records that it cannot use. */
const originsOf = (topics: Topics): readonly Topic[] => [...idTopics(topics), topics.rawMovies, topics.rawGenres];

/**
 * Sends records back to the topics from which they came, then closes their letters. A kill in between repeats one
 * batch at most and loses none. Two concurrent calls may both send the same record.
 * @returns how many were sent back, and which were not. @throws KafkaError, or the signal's reason.
 */
export async function redrive(
  { kafka, onProgress }: RedrivePorts,
  letters: readonly Letter[],
  options: RedriveOptions,
): Promise<Redriven> {
  const { accepted, refused } = judge(kafka.topics, letters, options);
  const sinks = new Map<string, Sink<Buffer | null>>(
    originsOf(kafka.topics).map((topic) => [topic.name, kafka.sink({ ...topic, codec })]),
  );
  const closings = kafka.sink(kafka.topics.deadLetters);
  let redriven = 0;
  await eachBatch(kafka, accepted, async (batch) => {
    options.signal.throwIfAborted();
    await Promise.all(batch.map((letter) => sinks.get(letter.originTopic)?.publish([sentBack(letter)])));
    await closings.publish(batch.map(closingOf));
    redriven += batch.length;
    onProgress(redriven + refused.length);
  });
  return { isDryRun: false, redriven, refused, simulated: [] };
}

/**
 * Simulates `redrive` and the consumers of the records; writes nothing
 * except a temporary file. @throws KafkaError, or the signal's reason.
 */
export async function dryRun(
  { kafka, onProgress }: RedrivePorts,
  letters: readonly Letter[],
  options: RedriveOptions,
): Promise<Redriven> {
  const { accepted, refused } = judge(kafka.topics, letters, options);
  const results: DryRunResult[] = refused.map(({ id, why }) => ({ id, outcome: 'refuse', why }));
  await eachBatch(kafka, accepted, async (batch) => {
    options.signal.throwIfAborted();
    results.push(...(await simulate(kafka.topics, batch)));
    onProgress(results.length);
  });
  return { isDryRun: true, redriven: 0, refused, simulated: results };
}

/** Closes letters without sending anything back. @throws KafkaError, or the signal's reason. */
export async function closeLetters(
  { kafka, onProgress }: RedrivePorts,
  letters: readonly Letter[],
  signal: AbortSignal,
): Promise<void> {
  let closed = 0;
  const onPublished = (closings: number) => {
    closed += closings;
    onProgress(closed);
  };
  const sink = kafka.sink(kafka.topics.deadLetters);
  await publishInGroups(sink, letters, (group) => group.map(closingOf), { signal, onPublished });
}

type Limits = Pick<RedriveOptions, 'maxReplays' | 'maxAnswerAgeMs'>;

function judge(topics: Topics, letters: readonly Letter[], limits: Limits) {
  const refused = letters.flatMap((letter): Refused[] => {
    const why = refusal(topics, letter, limits);
    return why === null ? [] : [{ id: letter.id, why }];
  });
  const ids = new Set(refused.map(({ id }) => id));
  return { accepted: letters.filter(({ id }) => !ids.has(id)), refused };
}

function refusal(topics: Topics, letter: Letter, { maxReplays, maxAnswerAgeMs }: Limits): string | null {
  const { id, originTopic, originTimestamp, replays } = letter;
  if (letter.originLastOffsetDelta !== null) {
    return `it stands for a batch that could not be read: its content is in Kafka at ${id} until its retention ends`;
  }
  if (!originsOf(topics).some(({ name }) => name === originTopic)) return `no stage reads ${originTopic}`;
  const isAnswer = !idTopics(topics).some(({ name }) => name === originTopic);
  if (isAnswer && systemClock.now() - originTimestamp.getTime() > maxAnswerAgeMs) {
    return `its answer of ${originTimestamp.toISOString()} would stay in Kafka beyond TMDB_RETENTION: ${newerAnswerOf(letter)}`;
  }
  if (letter.originValueBytes !== null) {
    return `it holds only the beginning of a record: the whole one is in Kafka at ${id} until its retention ends`;
  }
  if (replays < maxReplays) return null;
  return `it was sent back ${replays} times and was parked again: --max-replays ${replays + 1} sends it back once more`;
}

/** How to get a newer answer than that of the letter. */
const newerAnswerOf = ({ movieId }: Letter): string =>
  movieId === null ? 'run "produce genres"' : `run "replay ids --movie ${movieId}" and "fetch"`;
