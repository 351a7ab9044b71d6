import type { z } from 'zod';
import { exportRunShape, fetchGenres, readExport, walkChanges, walkPopular } from '../../pipeline/discovery.ts';
import { services } from '../../pipeline/services.ts';
import type { Context } from '../../platform/context.ts';
import { openPlatform, type Platform } from '../../platform/platform.ts';
import { changesWalkShape } from '../../producers/changes.ts';
import { genresLookShape } from '../../producers/genres.ts';
import { popularWalkShape } from '../../producers/popular.ts';
import { utcDay } from '../../runtime/days.ts';
import { ExitCode } from '../../runtime/errors.ts';
import type { ValueOf } from '../../runtime/shape.ts';
import { print } from '../engine/print.ts';

interface Produce {
  /** Milliseconds; once if undefined. */
  readonly every: number | undefined;
  readonly json: boolean;
}

interface ProducePopular extends Produce {
  readonly pages: number;
}

/** How a producer runs in each of its two ways. */
interface Producer<Shape extends z.ZodType> {
  readonly service: (everyMs: number) => Promise<unknown>;
  readonly once: (platform: Platform) => Promise<ValueOf<Shape>>;
  /** The shape of the result of `once`. */
  readonly shape: Shape;
  readonly textOf: (found: ValueOf<Shape>) => string;
  /** @default it is done */
  readonly exitCodeOf?: (found: ValueOf<Shape>) => number;
}

/** Runs a producer as a service if an interval is given; otherwise once, and prints what it found. */
async function serveOrRunOnce<Shape extends z.ZodType>(
  context: Context,
  options: Produce,
  { service, once, shape, textOf, exitCodeOf = () => ExitCode.done }: Producer<Shape>,
): Promise<number> {
  if (options.every !== undefined) {
    await service(options.every);
    return ExitCode.done;
  }
  await using platform = openPlatform(context);
  const found = await once(platform);
  print(options, shape, found, textOf(found));
  return exitCodeOf(found);
}

/** `produce popular` */
export const producePopular = (context: Context, options: ProducePopular): Promise<number> =>
  serveOrRunOnce(context, options, {
    service: (everyMs) => services.popular(context, { everyMs, pages: options.pages }),
    once: (platform) => walkPopular(platform, context, options.pages),
    shape: popularWalkShape,
    textOf: ({ found, pagesRead, published, itemsSkipped, pagesFailed }) => {
      const leftOut = `${itemsSkipped} items skipped, ${pagesFailed} pages failed`;
      return `found ${found} movies on ${pagesRead} pages, published ${published}; ${leftOut}`;
    },
    exitCodeOf: ({ pagesFailed }) => (pagesFailed === 0 ? ExitCode.done : ExitCode.partial),
  });

/** `produce changes` */
export const produceChanges = (context: Context, options: Produce): Promise<number> =>
  serveOrRunOnce(context, options, {
    service: (everyMs) => services.changes(context, { everyMs }),
    once: (platform) => walkChanges(platform, context),
    shape: changesWalkShape,
    textOf: ({ days, lastDayEndedAt, found, published, itemsSkipped }) => {
      if (days === 0) return 'no new day is complete: nothing to do';
      const upTo = `on ${days} days up to ${lastDayEndedAt?.toISOString()}`;
      return `found ${found} movies that changed ${upTo}, published ${published}; ${itemsSkipped} items skipped`;
    },
  });

/** `produce export` */
export const produceExport = (context: Context, options: Produce): Promise<number> =>
  serveOrRunOnce(context, options, {
    service: (everyMs) => services.export(context, { everyMs }),
    once: (platform) => readExport(platform, context),
    shape: exportRunShape,
    textOf: ({ exportedAt, lines, linesSkipped, published, absent, aged }) => {
      const day = utcDay(exportedAt.getTime());
      const found = `published ${published} new ids, and again ${absent} that have left the export`;
      const text = `read ${lines} lines of the export of ${day}, ${found}; ${linesSkipped} lines skipped`;
      const again = `; published ${aged} movies again because of their age`;
      return (lines > 0 ? text : `the export of ${day} was read before`) + again;
    },
  });

/** `produce genres` */
export const produceGenres = (context: Context, options: Produce): Promise<number> =>
  serveOrRunOnce(context, options, {
    service: (everyMs) => services.genres(context, { everyMs }),
    once: (platform) => fetchGenres(platform, context, context.config.tmdb.refreshAfterMs),
    shape: genresLookShape,
    textOf: ({ published, rowsUnusable }) => {
      const skipped = rowsUnusable > 0 ? `; ${rowsUnusable} rows name no genre` : '';
      return published ? `published the genre list${skipped}` : 'the genre list is fresh: nothing to do';
    },
  });
