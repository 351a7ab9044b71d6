import { join } from 'node:path';
import { type Context, openPlatform } from '../platform/platform.ts';
import { replayIds } from '../replay/ids.ts';
import { findBegun } from '../replay/journal.ts';
import { systemClock } from '../runtime/clock.ts';
import { ExitCode, UsageError } from '../runtime/errors.ts';
import { formatDuration } from '../runtime/units.ts';
import { topics } from '../schemas/topics.ts';
import { allowOnly, type Command, gapOption, jsonOption, print, type Values } from './command.ts';
import { raw } from './replay-raw.ts';
import { parseSelection, selectionHelp, selectionOptions, selectionText } from './selection.ts';

export const replay: Command = {
  summary: 'replay records: raw (BRONZE from Kafka) or ids (fetch movies again from TMDb)',
  help: `usage: replay raw SELECTION [--dry-run] [--restart] [--json]
       replay raw --all --rebuild [--dry-run] [--restart] [--json]
       replay ids SELECTION [--dry-run] [--restart] [--json]

raw   reads ${topics.rawMovies} again and adds the records that BRONZE lacks; none is added twice, and the loader may run
      meanwhile. With --rebuild, builds a second BRONZE, compares it with the live one and swaps it in; rows whose records
      Kafka no longer has are kept. Sends no request to TMDb. If it is interrupted, run it again to resume

ids   publishes the movies of ${topics.movieIds} again, each as in its newest record, so that "fetch" fetches them
      again, whatever TMDB_REFRESH_AFTER says. Leaves out movies with a tombstone, unless --movie is the only selection; it
      can also name movies that the topic does not have. If it is interrupted, run it again to resume

The selection is one or several of these; several select the records that match all of them.

${selectionHelp}

  --rebuild                      of raw, with --all: rebuild BRONZE
  --dry-run                      only show how many records, and how long that takes at TMDB_RATE_LIMIT
  --restart                      start from scratch instead of resuming an unfinished replay
  --accept-gap GAP               of raw: continue without the lost records in this range of offsets, as "load" does`,
  options: {
    ...selectionOptions,
    rebuild: { type: 'boolean' },
    'dry-run': { type: 'boolean' },
    restart: { type: 'boolean' },
    ...gapOption,
    ...jsonOption,
  },
  writes: ['broker', 'work files'],
  takesPositionals: true,
  run: async (context, values, [what, ...rest]) => {
    const subcommand = what !== undefined && Object.hasOwn(words, what) ? words[what] : undefined;
    if (!subcommand || rest.length > 0) throw new UsageError('replay what? "replay raw" or "replay ids"');
    return subcommand(context, values);
  },
};

const words: Readonly<Record<string, (context: Context, values: Values) => Promise<number>>> = { raw, ids };

async function ids(context: Context, values: Values): Promise<number> {
  allowOnly(values, 'replay ids', [...Object.keys(selectionOptions), 'dry-run', 'restart', 'json']);
  const { config, progress } = context;
  const journal = join(config.dataDir, 'replay-ids.json');
  const { selection, begun, isResumed } = begin(values, 'replay ids', journal);
  if (isResumed) progress.note(`resuming the replay of ${isoOf(begun.startedAt)}; --restart starts from scratch`);
  const isDryRun = values['dry-run'] === true;
  await using platform = openPlatform(context, { mayJoinBroker: true });
  const replayed = await replayIds(context, platform, { selection, begun, journal, isDryRun });
  progress[Symbol.dispose]();
  print(values, { ...replayed, isDryRun }, () => {
    const { records, apiCalls, minutes, alreadyAsked } = replayed;
    const { capacity, windowMs } = config.tmdb.rateLimit;
    const rest = isResumed ? ` (${alreadyAsked} were asked for since ${isoOf(begun.startedAt)})` : '';
    const cost = `${apiCalls} API calls, ${formatDuration(minutes * 60_000)} at ${capacity} in ${formatDuration(windowMs)}`;
    return `${isDryRun ? 'would publish' : 'published'} ${records} ids for "fetch"${rest}: ${cost}`;
  });
  return ExitCode.done;
}

const isoOf = (ms: number): string => new Date(ms).toISOString();

/**
 * What is to be replayed, and as which replay: the one that was begun with the same selection and has not ended, or a new one.
 * Ages are counted from when it began. @throws UsageError when there is another that has not ended; a dry run does not mind.
 */
function begin(values: Values, command: string, journal: string) {
  const now = systemClock.now();
  // First of all, so that a mistake is told before what was begun is.
  parseSelection(values, now);
  const text = selectionText(values);
  const begun = values['restart'] ? null : findBegun(journal);
  const isResumed = begun?.selection === text;
  if (begun && !isResumed && !values['dry-run']) {
    throw new UsageError(
      `"${command} ${begun.selection}" was begun and has not ended: run that again, or add --restart to drop what is left of it`,
    );
  }
  const startedAt = isResumed ? begun.startedAt : now;
  return { selection: parseSelection(values, startedAt), begun: { selection: text, startedAt }, isResumed };
}
