import type { Context } from '../../platform/context.ts';
import { openPlatform } from '../../platform/platform.ts';
import { idsReplayedShape, replayIds as publishIds } from '../../replay/ids.ts';
import { findBegun } from '../../replay/journal.ts';
import { journalOf } from '../../replay/names.ts';
import { systemClock } from '../../runtime/clock.ts';
import { ExitCode, UsageError } from '../../runtime/errors.ts';
import { formatDuration } from '../../runtime/units.ts';
import { print } from '../engine/print.ts';
import { type SelectionOptions, selectionOf, selectionText } from '../selection.ts';

interface ReplayIds extends SelectionOptions {
  /** Only ids of the backfill. */
  readonly backfill: boolean;
  readonly dryRun: boolean;
  readonly restart: boolean;
  readonly json: boolean;
}

/** `replay ids`: publishes ids again, so that "fetch" fetches the movies again. */
export async function replayIds(context: Context, options: ReplayIds): Promise<number> {
  const { config, progress } = context;
  const journal = journalOf(config.dataDir, config.kafka.topics.movieIds.name);
  const { selection, begun, isResumed } = begin(options, 'replay ids', journal);
  if (isResumed) progress.note(`resuming the replay of ${isoOf(begun.startedAt)}; --restart starts from scratch`);
  const { dryRun: isDryRun } = options;
  await using platform = openPlatform(context, { mayJoinBroker: true, topics: isDryRun ? 'exist' : 'require' });
  const replayed = await publishIds(context, platform, {
    ...{ selection, begun, journal, isDryRun, isBackfill: options.backfill },
  });
  progress[Symbol.dispose]();
  print(options, idsReplayedShape, replayed, () => {
    const { records, apiCalls, minutes, alreadyAsked } = replayed;
    const { capacity, windowMs } = config.tmdb.rateLimit;
    const rest = isResumed ? ` (${alreadyAsked} were published since ${isoOf(begun.startedAt)})` : '';
    const cost = `${apiCalls} API calls, ${formatDuration(minutes * 60_000)} at ${capacity} in ${formatDuration(windowMs)}`;
    return `${isDryRun ? 'would publish' : 'published'} ${records} ids for "fetch"${rest}: ${cost}`;
  });
  return ExitCode.done;
}

const isoOf = (ms: number): string => new Date(ms).toISOString();

/**
 * Resumes the unfinished replay with the same selection, or plans a new one. Ages are counted from the start of the replay.
 * @throws UsageError if a replay with another selection is unfinished, except in a dry run.
 */
function begin(options: ReplayIds, command: string, journal: string) {
  const now = systemClock.now();
  const text = `${selectionText(options)}${options.backfill ? ' --backfill' : ''}`;
  const begun = options.restart ? null : findBegun(journal);
  const isResumed = begun?.selection === text;
  if (begun && !isResumed && !options.dryRun) {
    throw new UsageError(
      `"${command} ${begun.selection}" is not finished: run it again to resume it, or add --restart to discard it`,
    );
  }
  const startedAt = isResumed ? begun.startedAt : now;
  return { selection: selectionOf(options, startedAt), begun: { selection: text, startedAt }, isResumed };
}
