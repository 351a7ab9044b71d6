import type { Context } from '../../platform/context.ts';
import { ExitCode } from '../../runtime/errors.ts';
import { isPurgeUnfinished, type PurgeReport, planPurge, purgeShape, removeLeftovers } from '../../transform/purge.ts';
import { throwIfNoCopy, transform } from '../../transform/transform.ts';
import { print } from '../engine/print.ts';

interface PurgeOptions {
  readonly dryRun: boolean;
  readonly json: boolean;
}

/** `purge`. A transform first replaces expired documents and last rewrites the file, so that no other order can occur. */
export async function purge(context: Context, options: PurgeOptions): Promise<number> {
  const plan = await planPurge(context);
  const isDue = plan.rows > 0 || plan.isUnfinished;
  if (!isDue || options.dryRun) {
    if (!options.dryRun) await removeLeftovers(context);
    print(options, purgeShape, { ...plan, isDryRun: options.dryRun }, () => textOf(plan, options.dryRun));
    return ExitCode.done;
  }
  await transform(context, { fullRefresh: false, mustPurge: true });
  const isUnfinished = await isPurgeUnfinished(context);
  const done = { ...plan, isDryRun: false, isUnfinished };
  print(options, purgeShape, done, () => textOf(done, false));
  throwIfNoCopy(context);
  return isUnfinished ? ExitCode.partial : ExitCode.done;
}

function textOf({ before, rows, movies, bytes, isUnfinished }: PurgeReport, isDryRun: boolean): string {
  const what = `${rows} documents of ${movies} movies (${Math.ceil(bytes / 1e6)} MB) from before ${before}`;
  const rest = isUnfinished ? '; values of expired answers may still be in SILVER, GOLD or the warehouse file' : '';
  if (rows === 0) return `no answer is expired: all are from ${before} or later${rest}`;
  return `${isDryRun ? 'a purge would remove' : 'removed'} ${what}${rest}`;
}
