import type { Context } from '../../platform/context.ts';
import { openPlatform } from '../../platform/platform.ts';
import { discardIds, type IdsDiscarded, idsDiscardedShape } from '../../replay/discard.ts';
import { systemClock } from '../../runtime/clock.ts';
import { ExitCode, UsageError } from '../../runtime/errors.ts';
import { formatTable } from '../../runtime/table.ts';
import { print } from '../engine/print.ts';
import { type Moment, spanOf } from '../engine/value-types.ts';

interface Discard {
  readonly all: boolean;
  readonly before: Moment | undefined;
  readonly backfill: boolean;
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly json: boolean;
}

/** `ids discard` */
export async function discard(context: Context, options: Discard): Promise<number> {
  const { dryRun, yes } = options;
  await using platform = openPlatform(context, { mayJoinBroker: true, topics: 'exist' });
  const { until: before } = spanOf({ since: undefined, until: options.before }, systemClock.now());
  const discarded = await discardIds(context, platform, {
    ...(before !== undefined && { before }),
    ...{ isBackfill: options.backfill, isDryRun: !yes },
  });
  print(options, idsDiscardedShape, discarded, () => textOf(discarded));
  if (yes || dryRun || discarded.partitions.length === 0) return ExitCode.done;
  throw new UsageError(`nothing is discarded yet: --yes discards the ${discarded.ids} ids above`);
}

function textOf({ isDryRun, ids, movies, unreadable, partitions, members, fetchAgain }: IdsDiscarded): string {
  if (partitions.length === 0) return 'no id waits';
  const others = unreadable > 0 ? `, and ${unreadable} records that are not ids` : '';
  return [
    `${isDryRun ? 'would discard' : 'discarded'} ${ids} ids of ${movies} movies${others}`,
    formatTable(partitions.map((partition) => ({ ...partition }))),
    ...(fetchAgain === null ? [] : [`to fetch them again: tmdb-stream ${fetchAgain}`]),
    ...(members.length > 0 ? [`stop these first, they read ids now: ${members.join(', ')}`] : []),
  ].join('\n\n');
}
