import type { Proof } from '../dead-letters/dry-run.ts';
import { closeLetters, dryRun, type Refused, redrive } from '../dead-letters/redrive.ts';
import { type ShownLetter, toShown } from '../dead-letters/show.ts';
import { eachBatch, type Letter, type LetterFilter, matches, readLetters } from '../dead-letters/store.ts';
import { type Context, openPlatform } from '../platform/platform.ts';
import { systemClock } from '../runtime/clock.ts';
import { ExitCode, UsageError } from '../runtime/errors.ts';
import { escapeControls } from '../runtime/escape-controls.ts';
import { formatTable } from '../runtime/table.ts';
import { deadLetterReasons } from '../schemas/records.ts';
import { topics } from '../schemas/topics.ts';
import { allowOnly, type Command, countOf, jsonOption, listOf, print, timeOf, type Values } from './command.ts';

const standardMaxReplays = 3;

const filterNames = ['reason', 'topic', 'since', 'until', 'id'] as const;

export const deadLetters: Command = {
  summary: 'what was parked: list, show, redrive (send it back), purge',
  help: `usage: dead-letters list [FILTERS] [--json]
       dead-letters show ID [--json]
       dead-letters redrive FILTERS|--all [--dry-run] [--max-replays N] [--json]
       dead-letters purge FILTERS|--all [--yes] [--json]

list      the letters that are open: neither sent back nor purged
show      one letter and the record in it, closed ones too; ID is TOPIC/PARTITION/OFFSET of the record, or a movie id
redrive   publishes each record again to the topic that it came from, then closes its letter. A record that fails again has a
          new letter, with one more replay. If it is interrupted, run it again to resume; a few records may be
          published twice. Exit code 1 if any was refused
purge     closes letters without sending anything back; without --yes it only lists them

  --reason R       ${deadLetterReasons.slice(0, 4).join(', ')},
                   ${deadLetterReasons.slice(4).join(', ')}
  --topic T        where the record came from, such as ${topics.rawMovies}
  --since TIME     failed at TIME or later: ISO 8601 (UTC unless it says otherwise) or an age such as 2h
  --until TIME     failed before TIME
  --id ID          TOPIC/PARTITION/OFFSET of the record, or a movie id; may be repeated
  --all            every open letter
  --dry-run        writes nothing; shows what the present consumers would do with each record: decodes it, and appends
                   it to a warehouse in a temporary folder. Exit code 1 if one would be refused or parked again
  --max-replays N  refuses records that were already sent back N times (default ${standardMaxReplays})

Closing a letter removes it from the list and deletes nothing: the topic keeps every record for KAFKA_RAW_RETENTION.`,
  writes: ['broker'],
  options: {
    reason: { type: 'string' },
    topic: { type: 'string' },
    since: { type: 'string' },
    until: { type: 'string' },
    id: { type: 'string', multiple: true },
    all: { type: 'boolean' },
    'dry-run': { type: 'boolean' },
    'max-replays': { type: 'string' },
    yes: { type: 'boolean' },
    ...jsonOption,
  },
  takesPositionals: true,
  run: async (context, values, positionals) => {
    const [word = '', ...ids] = positionals;
    const subcommand = Object.hasOwn(words, word) ? words[word] : undefined;
    if (!subcommand) throw new UsageError('dead-letters what? list, show ID, redrive or purge');
    return subcommand(context, values, ids);
  },
};

const words: Readonly<Record<string, Command['run']>> = { list, show, redrive: sendBack, purge };

async function list(context: Context, values: Values, ids: readonly string[]): Promise<number> {
  allowOnly(values, 'list', [...filterNames, 'json']);
  const filter = filterOf(values, ids);
  await using platform = openPlatform(context, { mayJoinBroker: true, topics: 'tell' });
  const { client } = await platform.kafka();
  const open = await openLetters(context, client, filter);
  print(values, open.map(toListed), () =>
    open.length === 0 ? nothingFound : `${formatTable(open.map(toRow))}\n\n${open.length} open`,
  );
  return ExitCode.done;
}

async function show(context: Context, values: Values, ids: readonly string[]): Promise<number> {
  allowOnly(values, 'show', ['json']);
  const [wanted, ...more] = ids;
  if (wanted === undefined || more.length > 0) {
    throw new UsageError('dead-letters show takes one ID: TOPIC/PARTITION/OFFSET, or a movie id');
  }
  await using platform = openPlatform(context, { mayJoinBroker: true, topics: 'tell' });
  const { client } = await platform.kafka();
  const letters = await readLetters(client, context.log);
  const shown: ShownLetter[] = [];
  await eachBatch(
    client,
    letters.filter((letter) => matches({ ids: new Set([wanted]) }, letter)),
    async (batch) => void shown.push(...batch.map(toShown)),
  );
  if (shown.length === 0) throw new UsageError(`there is no dead letter ${escapeControls(wanted)}`);
  print(values, shown, () => shown.map(toText).join('\n\n'));
  return ExitCode.done;
}

async function sendBack(context: Context, values: Values, rest: readonly string[]): Promise<number> {
  allowOnly(values, 'redrive', [...filterNames, 'all', 'dry-run', 'max-replays', 'json']);
  const filter = filterOrAll(values, rest, 'redrive');
  const { signal, progress } = context;
  const options = { maxReplays: countOf(values, 'max-replays', standardMaxReplays), signal };
  await using platform = openPlatform(context, { mayJoinBroker: true });
  const { client: kafka, producer } = await platform.kafka();
  const letters = await openLetters(context, kafka, filter);
  const onProgress = (done: number) => progress.update('redrive', { done, total: letters.length, unit: 'letters' });
  if (values['dry-run']) {
    const proofs = await dryRun({ kafka, onProgress }, letters, options);
    progress[Symbol.dispose]();
    print(values, proofs, () => (proofs.length === 0 ? nothingFound : formatTable(proofs.map(toVerdict))));
    const isGood = proofs.every(({ outcome }) => outcome !== 'park' && outcome !== 'refuse');
    return isGood ? ExitCode.done : ExitCode.failed;
  }
  const result = await redrive({ kafka, producer, onProgress }, letters, options);
  progress[Symbol.dispose]();
  print(values, result, () => (letters.length === 0 ? nothingFound : resultText(result)));
  return result.refused.length === 0 ? ExitCode.done : ExitCode.failed;
}

async function purge(context: Context, values: Values, rest: readonly string[]): Promise<number> {
  allowOnly(values, 'purge', [...filterNames, 'all', 'yes', 'json']);
  const filter = filterOrAll(values, rest, 'purge');
  const { progress } = context;
  await using platform = openPlatform(context, { mayJoinBroker: true });
  const { client, producer } = await platform.kafka();
  const letters = await openLetters(context, client, filter);
  const isClosed = values['yes'] === true;
  const onProgress = (done: number) => progress.update('purge', { done, total: letters.length, unit: 'letters' });
  if (isClosed) await closeLetters({ producer, onProgress }, letters, context.signal);
  progress[Symbol.dispose]();
  print(values, letters.map(toListed), () => (letters.length === 0 ? nothingFound : formatTable(letters.map(toRow))));
  if (isClosed || letters.length === 0) return ExitCode.done;
  throw new UsageError(`nothing is closed yet: --yes closes the ${letters.length} letters above`);
}

const nothingFound = 'no such letter is open';

const openLetters = async (context: Context, kafka: Parameters<typeof readLetters>[0], filter: LetterFilter) =>
  (await readLetters(kafka, context.log)).filter((letter) => letter.isOpen && matches(filter, letter));

/** @throws UsageError for a filter that makes no sense. */
function filterOf(values: Values, rest: readonly string[]): LetterFilter {
  if (rest.length > 0) throw new UsageError(`what is "${rest[0]}"? letters are named by --id`);
  const now = systemClock.now();
  const reason = oneOf(values, 'reason', deadLetterReasons);
  const topic = oneOf(values, 'topic', Object.values(topics));
  const since = timeOf(values, 'since', now);
  const until = timeOf(values, 'until', now);
  const ids = listOf(values, 'id');
  return {
    ...(reason !== undefined && { reason }),
    ...(topic !== undefined && { topic }),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
    ...(ids.length > 0 && { ids: new Set(ids) }),
  };
}

/** @throws UsageError unless either a filter was given or --all. */
function filterOrAll(values: Values, rest: readonly string[], word: string): LetterFilter {
  const filter = filterOf(values, rest);
  const isNarrowed = Object.keys(filter).length > 0;
  if (isNarrowed !== (values['all'] === true)) return filter;
  const names = filterNames.map((name) => `--${name}`).join(', ');
  throw new UsageError(
    isNarrowed ? '--all goes with no filter' : `${word} which letters? --all, or those for which all holds of ${names}`,
  );
}

function oneOf<T extends string>(values: Values, name: string, known: readonly T[]): T | undefined {
  const text = values[name];
  const found = known.find((value) => value === text);
  if (found !== undefined || text === undefined) return found;
  throw new UsageError(`--${name} takes one of ${known.join(', ')}, not "${text}"`);
}

const toRow = ({ id, reason, message, replays, failedAt, movieId }: Letter) => ({
  origin: id,
  movie: movieId === null ? null : String(movieId),
  reason,
  replays,
  failed_at: failedAt.toISOString(),
  message,
});

const toListed = ({ originKey: _, place: __, isOpen: ___, originValueSha256, ...letter }: Letter) => ({
  ...letter,
  originValueSha256: originValueSha256?.toString('hex') ?? null,
});

const verdicts: Readonly<Record<Proof['outcome'], string>> = {
  load: 'would load',
  fetch: 'would fetch (1 request)',
  skip: 'would be passed over: a tombstone',
  park: 'would be parked again',
  refuse: 'would be refused',
};

const toVerdict = ({ id, outcome, why }: Proof) => ({
  origin: id,
  outcome: verdicts[outcome] + (why === undefined ? '' : `: ${why}`),
});

function resultText({
  redriven,
  refused,
}: {
  readonly redriven: number;
  readonly refused: readonly Refused[];
}): string {
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
