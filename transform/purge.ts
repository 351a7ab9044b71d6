import { z } from 'zod';
import type { Context } from '../platform/context.ts';
import { warehouseAccess } from '../platform/warehouse.ts';
import { systemClock } from '../runtime/clock.ts';
import { isRetriable, messageOf } from '../runtime/errors.ts';
import { asFileError, FileError } from '../runtime/file-error.ts';
import { count, type ValueOf } from '../runtime/shape.ts';
import { removeOldFolders } from '../runtime/temporary-folder.ts';
import type { Purge } from '../warehouse/expiry.ts';

export const purgeShape = z.object({
  before: z.string().describe('answers from before this time are expired, in UTC'),
  isDryRun: z.boolean().describe('whether nothing was changed'),
  rows: count.describe('rows of BRONZE whose documents are expired: replaced, or with --dry-run to replace'),
  movies: count.describe('movies of these rows'),
  bytes: count.describe('bytes of these documents; on Snowflake an estimate'),
  isUnfinished: z
    .boolean()
    .describe('whether replaced documents, or values from them, may still be in SILVER, GOLD or the warehouse file'),
});
export type PurgeReport = ValueOf<typeof purgeShape>;

/** null if there is no warehouse yet. */
async function openPurge(context: Context): Promise<Purge | null> {
  const system = warehouseAccess(context);
  return system.exists() ? system.openPurge() : null;
}

const cutoffOf = ({ config }: Context): Date => new Date(Math.max(0, systemClock.now() - config.tmdb.retentionMs));

/** What a purge would do now; changes nothing. @throws WarehouseUnavailableError. */
export async function planPurge(context: Context): Promise<PurgeReport> {
  const before = cutoffOf(context);
  const purge = await openPurge(context);
  const expired = (await purge?.expired(before)) ?? { rows: 0, movies: 0, bytes: 0 };
  const isUnfinished = (await purge?.isUnfinished()) ?? false;
  return { before: before.toISOString(), isDryRun: true, ...expired, isUnfinished };
}

/** Whether values of expired answers may still be in SILVER, GOLD or the warehouse file. @throws WarehouseUnavailableError. */
export async function isPurgeUnfinished(context: Context): Promise<boolean> {
  return (await (await openPurge(context))?.isUnfinished()) ?? false;
}

/**
 * Replaces the documents of expired answers in BRONZE, a few batches per transaction, so that a loader waits for at most one
 * transaction. A later build takes their values out of SILVER and GOLD. If it is interrupted, call it again.
 * @returns the number of replaced documents, and the time after that, for `finishPurge`. @throws WarehouseUnavailableError.
 */
export async function blankExpired(
  context: Context,
): Promise<{ readonly documents: number; readonly blankedBy: Date }> {
  const purge = await openPurge(context);
  const before = cutoffOf(context);
  const total = (await purge?.expired(before))?.rows ?? 0;
  let done = 0;
  while (purge && done < total) {
    context.signal.throwIfAborted();
    const blanked = await purge.blankNext(before);
    if (blanked === 0) break;
    done += blanked;
    context.progress.update('purge', { done, total: Math.max(done, total), unit: 'documents' });
  }
  if (done > 0) context.log.info({ documents: done, before }, 'removed the documents of expired answers');
  const blankedBy = (await purge?.now()) ?? new Date(systemClock.now());
  // The replaced documents count, whatever becomes of the leftovers: the next purge looks for them again.
  await removeLeftovers(context).catch((error) => {
    context.signal.throwIfAborted();
    context.log.warn({ error: messageOf(error) }, 'could not remove what interrupted loads and dry runs have left');
  });
  return { documents: done, blankedBy };
}

/** Removes documents that interrupted loads and dry runs have left outside of the tables. @throws WarehouseUnavailableError. */
export async function removeLeftovers(context: Context): Promise<void> {
  const purge = await openPurge(context);
  const [folders, inWarehouse] = [await removeOldFolders(systemClock), (await purge?.removeLeftovers()) ?? 0];
  if (folders + inWarehouse > 0)
    context.log.info(
      { folders, inWarehouse },
      'removed folders, files and rows left by interrupted loads and dry runs',
    );
}

/**
 * As `blankExpired`, before a build. If only the purge is impossible, logs why, and the build follows: otherwise SILVER and GOLD would
 * stay as they are until a person has helped. @returns null in that case. @throws as `blankExpired`.
 */
export async function blankIfPossible(context: Context): Promise<Date | null> {
  try {
    return (await blankExpired(context)).blankedBy;
  } catch (error) {
    if (context.signal.aborted || !isOfPurgeOnly(error)) throw error;
    context.log.error({ error: messageOf(error) }, 'the purge of expired answers failed');
    context.metrics.purgeUnfinished.set(1);
    return null;
  }
}

/** Whether a build can succeed although a purge failed: it was refused, or has a defect. An outage, or a full disk, is the same for both. */
export const isOfPurgeOnly = (error: unknown): boolean =>
  !isRetriable(error) && !(asFileError(error) instanceof FileError);

/**
 * Removes what a purge has left in unused parts of the warehouse, after a build that has read all replaced documents.
 * @param blankedBy of `blankExpired`, before that build. @throws SideOutputError, WarehouseUnavailableError.
 */
export async function finishPurge(context: Context, blankedBy: Date): Promise<void> {
  const purge = await openPurge(context);
  if (!purge || !(await purge.isUnfinished())) return;
  using _ = context.progress.busy('purge', 'removing what is left of expired answers');
  for (const view of await purge.finish(blankedBy)) {
    context.log.warn({ view }, 'dropped a view from the warehouse file: the table or file that it reads is gone');
  }
  context.log.info('purge finished: the tables have no values of expired answers');
}
