import type { Gap } from '../../kafka/gap.ts';
import type { Context } from '../../platform/context.ts';
import { openPlatform } from '../../platform/platform.ts';
import { extendBronze, type RawReplayed, rawReplayedShape, rebuildBronze } from '../../replay/raw.ts';
import { systemClock } from '../../runtime/clock.ts';
import { ExitCode } from '../../runtime/errors.ts';
import { formatDuration } from '../../runtime/units.ts';
import { print } from '../engine/print.ts';
import { type SelectionOptions, selectionOf, selectionText } from '../selection.ts';

interface ReplayRaw extends SelectionOptions {
  readonly rebuild: boolean;
  readonly dryRun: boolean;
  readonly restart: boolean;
  readonly acceptGap: readonly Gap[];
  readonly json: boolean;
}

/** `replay raw`: BRONZE from the raw topics, with no request to TMDb. */
export async function replayRaw(context: Context, options: ReplayRaw): Promise<number> {
  const { dryRun: isDryRun, restart, acceptGap: acceptedGaps } = options;
  const selection = selectionOf(options, systemClock.now());
  await using platform = openPlatform(context, { mayJoinBroker: true, topics: isDryRun ? 'exist' : 'require' });
  const how = { restart, isDryRun, acceptedGaps };
  const replayed = options.rebuild
    ? await rebuildBronze(platform, context, how)
    : await extendBronze(platform, context, { ...how, selection, selectionText: selectionText(options) });
  context.progress[Symbol.dispose]();
  print(options, rawReplayedShape, replayed, () =>
    isDryRun ? `would read ${replayed.records} records: 0 API calls` : textOf(replayed),
  );
  const parked = replayed.unreadable + (replayed.swap?.refused ?? 0);
  return parked === 0 ? ExitCode.done : ExitCode.partial;
}

function textOf({ records, seconds, added, unreadable, swap }: RawReplayed): string {
  const rate = `${records} records in ${formatDuration(seconds * 1_000)} (${Math.round(records / seconds)}/s), 0 API calls`;
  const outcome = swap
    ? `rebuilt BRONZE: ${swap.rows} rows, of them ${swap.same} unchanged, ${swap.corrected} corrected, ${swap.recovered} recovered, ` +
      `${swap.retained} kept` +
      (swap.refused > 0
        ? `; ${swap.refused} went to dead letters, because the current rules refuse their records`
        : '') +
      (swap.repeated > 0 ? `; ${swap.repeated} were there twice, because their records had been sent back` : '')
    : `added ${added} missing rows to BRONZE`;
  const rest = unreadable > 0 ? `\n${unreadable} records are in dead letters` : '';
  return `${rate}\n${outcome}${rest}\nThe next dbt run processes the changes; "transform --full-refresh" builds everything from scratch.`;
}
