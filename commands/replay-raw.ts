import { type Context, openPlatform } from '../platform/platform.ts';
import { extendBronze, type RawReplayed, rebuildBronze } from '../replay/raw.ts';
import { systemClock } from '../runtime/clock.ts';
import { ExitCode, UsageError } from '../runtime/errors.ts';
import { formatDuration } from '../runtime/units.ts';
import { allowOnly, gapsOf, print, type Values } from './command.ts';
import { parseSelection, selectionOptions, selectionText } from './selection.ts';

/** `replay raw`: BRONZE from the raw topics, with no request to TMDb. */
export async function raw(context: Context, values: Values): Promise<number> {
  allowOnly(values, 'replay raw', [
    ...Object.keys(selectionOptions),
    'rebuild',
    'dry-run',
    'restart',
    'accept-gap',
    'json',
  ]);
  const selection = parseSelection(values, systemClock.now());
  const isRebuild = values['rebuild'] === true;
  if (isRebuild && !values['all']) throw new UsageError('--rebuild rebuilds all of BRONZE: use it with --all');
  const options = {
    restart: values['restart'] === true,
    isDryRun: values['dry-run'] === true,
    acceptedGaps: gapsOf(values),
  };
  await using platform = openPlatform(context, { mayJoinBroker: true });
  const replayed = isRebuild
    ? await rebuildBronze(platform, context, options)
    : await extendBronze(platform, context, { ...options, selection, selectionText: selectionText(values) });
  context.progress[Symbol.dispose]();
  print(values, { ...replayed, isDryRun: options.isDryRun }, () =>
    options.isDryRun ? `would read ${replayed.records} records: 0 API calls` : textOf(replayed),
  );
  return ExitCode.done;
}

function textOf({ records, seconds, added, unreadable, swap }: RawReplayed): string {
  const rate = `${records} records in ${formatDuration(seconds * 1_000)} (${Math.round(records / seconds)}/s), 0 API calls`;
  const outcome = swap
    ? `rebuilt BRONZE: ${swap.rows} rows, of them ${swap.same} unchanged, ${swap.corrected} corrected, ${swap.recovered} recovered, ` +
      `${swap.carried} kept` +
      (swap.refused > 0 ? `; ${swap.refused} went to dead letters, because the present rules refuse their records` : '')
    : `added ${added} missing rows to BRONZE`;
  const rest = unreadable > 0 ? `\n${unreadable} records are in dead letters` : '';
  return `${rate}\n${outcome}${rest}\nThe next dbt run processes the changes; "transform --full-refresh" builds everything from scratch.`;
}
