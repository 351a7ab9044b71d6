import { z } from 'zod';
import type { DryRunResult } from '../../dead-letters/dry-run.ts';
import { closeLetters, dryRun, type Redriven, redrive, redriveShape } from '../../dead-letters/redrive.ts';
import { listedLetterShape, type ShownLetter, shownLetterShape, toListed, toShown } from '../../dead-letters/show.ts';
import { eachBatch, type Letter, type LetterFilter, matches, readLetters } from '../../dead-letters/store.ts';
import type { KafkaCluster } from '../../kafka/cluster.ts';
import type { Context } from '../../platform/context.ts';
import { maxAnswerAgeMs } from '../../platform/open-kafka.ts';
import { openPlatform } from '../../platform/platform.ts';
import { systemClock } from '../../runtime/clock.ts';
import { ExitCode, UsageError } from '../../runtime/errors.ts';
import { escapeControls } from '../../runtime/escape-controls.ts';
import { formatTable } from '../../runtime/table.ts';
import { allTopics } from '../../schemas/topics.ts';
import { print } from '../engine/print.ts';
import { filterOf, type LetterOptions } from '../letter-filter.ts';

interface ListLetters extends LetterOptions {
  readonly json: boolean;
}

interface ShowLetter {
  readonly id: string;
  readonly json: boolean;
}

interface RedriveLetters extends ListLetters {
  readonly dryRun: boolean;
  readonly maxReplays: number;
}

interface PurgeLetters extends ListLetters {
  readonly yes: boolean;
}

export const lettersShape = z.object({
  letters: z.array(listedLetterShape).describe('the open letters that match, the oldest failure first'),
});

export const purgedShape = z.object({
  isClosed: z.boolean().describe('whether the letters were closed: with --yes'),
  letters: lettersShape.shape.letters,
});

export const shownShape = z.object({
  letters: z.array(shownLetterShape).describe('the letters of this record or movie'),
});

/** `dead-letters list` */
export async function listLetters(context: Context, options: ListLetters): Promise<number> {
  const filter = filterIn(context, options);
  await using platform = openPlatform(context, { mayJoinBroker: true, topics: 'look' });
  const { cluster } = await platform.kafka();
  const open = await openLetters(context, cluster, filter);
  print(options, lettersShape, { letters: open.map(toListed) }, () =>
    open.length === 0 ? nothingFound : `${formatTable(open.map(toRow))}\n\n${open.length} open`,
  );
  return ExitCode.done;
}

/** `dead-letters show` */
export async function showLetter(context: Context, options: ShowLetter): Promise<number> {
  const { id: wanted } = options;
  await using platform = openPlatform(context, { mayJoinBroker: true, topics: 'look' });
  const { cluster } = await platform.kafka();
  const letters = await readLetters(cluster, context.log);
  const shown: ShownLetter[] = [];
  await eachBatch(
    cluster,
    letters.filter((letter) => matches({ ids: new Set([wanted]) }, letter)),
    async (batch) => void shown.push(...batch.map((letter) => toShown(cluster.topics, letter))),
  );
  if (shown.length === 0) throw new UsageError(`there is no dead letter ${escapeControls(wanted)}`);
  print(options, shownShape, { letters: shown }, () => shown.map(toText).join('\n\n'));
  return ExitCode.done;
}

/** `dead-letters redrive` */
export async function redriveLetters(context: Context, options: RedriveLetters): Promise<number> {
  const filter = filterIn(context, options);
  const { config, signal, progress } = context;
  const how = { maxReplays: options.maxReplays, maxAnswerAgeMs: maxAnswerAgeMs(config), signal };
  await using platform = openPlatform(context, { mayJoinBroker: true, topics: options.dryRun ? 'look' : 'require' });
  const { cluster: kafka } = await platform.kafka();
  const letters = await openLetters(context, kafka, filter);
  const onProgress = (done: number) => progress.update('redrive', { done, total: letters.length, unit: 'letters' });
  if (options.dryRun) {
    const result = await dryRun({ kafka, onProgress }, letters, how);
    const { simulated } = result;
    progress[Symbol.dispose]();
    print(options, redriveShape, result, () =>
      simulated.length === 0 ? nothingFound : formatTable(simulated.map(toVerdict)),
    );
    const isGood = simulated.every(({ outcome }) => outcome !== 'park' && outcome !== 'refuse');
    return isGood ? ExitCode.done : ExitCode.partial;
  }
  const result = await redrive({ kafka, onProgress }, letters, how);
  progress[Symbol.dispose]();
  print(options, redriveShape, result, () => (letters.length === 0 ? nothingFound : resultText(result)));
  return result.refused.length === 0 ? ExitCode.done : ExitCode.partial;
}

/** `dead-letters purge` */
export async function purgeLetters(context: Context, options: PurgeLetters): Promise<number> {
  const filter = filterIn(context, options);
  const { progress } = context;
  await using platform = openPlatform(context, { mayJoinBroker: true, topics: options.yes ? 'require' : 'look' });
  const { cluster } = await platform.kafka();
  const letters = await openLetters(context, cluster, filter);
  const { yes: isClosed } = options;
  const onProgress = (done: number) => progress.update('purge', { done, total: letters.length, unit: 'letters' });
  if (isClosed) await closeLetters({ kafka: cluster, onProgress }, letters, context.signal);
  progress[Symbol.dispose]();
  print(options, purgedShape, { isClosed, letters: letters.map(toListed) }, () =>
    letters.length === 0 ? nothingFound : formatTable(letters.map(toRow)),
  );
  if (isClosed || letters.length === 0) return ExitCode.done;
  throw new UsageError(`nothing is closed yet: --yes closes the ${letters.length} letters above`);
}

/** @throws UsageError for an invalid filter, or a topic of another deployment. */
function filterIn({ config }: Context, options: LetterOptions): LetterFilter {
  const names = allTopics(config.kafka.topics).map(({ name }) => name);
  if (options.topic === undefined || names.includes(options.topic)) return filterOf(options, systemClock.now());
  throw new UsageError(`--topic takes one of ${names.join(', ')}, not "${options.topic}": see KAFKA_TOPIC_PREFIX`);
}

const nothingFound = 'no open letter matches';

const openLetters = async (context: Context, kafka: KafkaCluster, filter: LetterFilter) =>
  (await readLetters(kafka, context.log)).filter((letter) => letter.isOpen && matches(filter, letter));

const toRow = ({ id, reason, message, replays, failedAt, movieId }: Letter) => ({
  origin: id,
  movie: movieId === null ? null : String(movieId),
  reason,
  replays,
  failed_at: failedAt.toISOString(),
  message,
});

const verdicts: Readonly<Record<DryRunResult['outcome'], string>> = {
  load: 'would load',
  fetch: 'would fetch (1 request)',
  skip: 'would be skipped: a tombstone',
  park: 'would be parked again',
  refuse: 'would be refused',
};

const toVerdict = ({ id, outcome, why }: DryRunResult) => ({
  origin: id,
  outcome: verdicts[outcome] + (why === undefined ? '' : `: ${why}`),
});

function resultText({ redriven, refused }: Redriven): string {
  const summary = `sent back ${redriven}, refused ${refused.length}`;
  return refused.length === 0
    ? summary
    : `${summary}\n\n${formatTable(refused.map(({ id, why }) => ({ origin: id, why })))}`;
}

function toText({ document, hex, fields, bytes, ...envelope }: ShownLetter): string {
  const lines = Object.entries({
    ...envelope,
    size: bytes === null ? 'a tombstone' : `${bytes} bytes`,
    ...(bytes !== null && { record: fields ?? 'cannot be decoded' }),
    ...(document !== null && { document }),
    ...(hex !== null && { 'begins with (hex)': hex }),
  });
  const width = Math.max(...lines.map(([name]) => name.length));
  return lines.map(([name, value]) => `${name.padEnd(width)}  ${shownValue(value)}`).join('\n');
}

function shownValue(value: unknown): string {
  if (value === null) return '-';
  if (value instanceof Date) return value.toISOString();
  return escapeControls(typeof value === 'object' ? JSON.stringify(value) : String(value));
}
