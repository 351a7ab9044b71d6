import { exportRunShape, fetchGenres, readExport, walkChanges, walkPopular } from '../../pipeline/discovery.ts';
import { services } from '../../pipeline/services.ts';
import type { Context } from '../../platform/context.ts';
import { openPlatform } from '../../platform/platform.ts';
import { changesWalkShape } from '../../producers/changes.ts';
import { genresLookShape } from '../../producers/genres.ts';
import { popularWalkShape } from '../../producers/popular.ts';
import { utcDay } from '../../runtime/days.ts';
import { ExitCode } from '../../runtime/errors.ts';
import { print } from '../engine/print.ts';

interface Produce {
  /** Milliseconds; once if undefined. */
  readonly every: number | undefined;
  readonly json: boolean;
}

interface ProducePopular extends Produce {
  readonly pages: number;
}

/** `produce popular` */
export async function producePopular(context: Context, options: ProducePopular): Promise<number> {
  const { every: everyMs, pages } = options;
  if (everyMs !== undefined) {
    await services.popular(context, { everyMs, pages });
    return ExitCode.done;
  }
  await using platform = openPlatform(context);
  const walk = await walkPopular(platform, context, pages);
  const { found, pagesRead, published, itemsSkipped, pagesFailed } = walk;
  const leftOut = `${itemsSkipped} items skipped, ${pagesFailed} pages failed`;
  print(
    options,
    popularWalkShape,
    walk,
    `found ${found} movies on ${pagesRead} pages, published ${published}; ${leftOut}`,
  );
  return pagesFailed === 0 ? ExitCode.done : ExitCode.partial;
}

/** `produce changes` */
export async function produceChanges(context: Context, options: Produce): Promise<number> {
  const { every: everyMs } = options;
  if (everyMs !== undefined) {
    await services.changes(context, { everyMs });
    return ExitCode.done;
  }
  await using platform = openPlatform(context);
  const walk = await walkChanges(platform, context);
  const { days, lastDayEndedAt, found, published, itemsSkipped } = walk;
  const text = `found ${found} movies that changed on ${days} days up to ${lastDayEndedAt?.toISOString()}, published ${published}; ${itemsSkipped} items skipped`;
  print(options, changesWalkShape, walk, days > 0 ? text : 'no new day is complete: nothing to do');
  return ExitCode.done;
}

/** `produce export` */
export async function produceExport(context: Context, options: Produce): Promise<number> {
  const { every: everyMs } = options;
  if (everyMs !== undefined) {
    await services.export(context, { everyMs });
    return ExitCode.done;
  }
  await using platform = openPlatform(context);
  const walk = await readExport(platform, context);
  const { exportedAt, lines, linesSkipped, published, aged } = walk;
  const day = utcDay(exportedAt.getTime());
  const text = `read ${lines} lines of the export of ${day}, published ${published} new ids; ${linesSkipped} lines skipped`;
  const again = `; published ${aged} movies again because of their age`;
  print(options, exportRunShape, walk, (lines > 0 ? text : `the export of ${day} was read before`) + again);
  return ExitCode.done;
}

/** `produce genres` */
export async function produceGenres(context: Context, options: Produce): Promise<number> {
  const { every: everyMs } = options;
  if (everyMs !== undefined) {
    await services.genres(context, { everyMs });
    return ExitCode.done;
  }
  await using platform = openPlatform(context);
  const look = await fetchGenres(platform, context, context.config.tmdb.refreshAfterMs);
  const skipped = look.rowsUnusable > 0 ? `; ${look.rowsUnusable} rows name no genre` : '';
  print(
    options,
    genresLookShape,
    look,
    look.published ? `published the genre list${skipped}` : 'the genre list is fresh: nothing to do',
  );
  return ExitCode.done;
}
