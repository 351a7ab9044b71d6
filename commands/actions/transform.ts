import { services } from '../../pipeline/services.ts';
import type { Context } from '../../platform/context.ts';
import { ExitCode } from '../../runtime/errors.ts';
import { scheduleOnce } from '../../transform/scheduler.ts';
import { transform as runTransform, throwIfNoCopy } from '../../transform/transform.ts';
import { print } from '../engine/print.ts';

interface Transform {
  readonly fullRefresh: boolean;
  readonly force: boolean;
  readonly json: boolean;
}

/** `transform` */
export async function transform(context: Context, options: Transform): Promise<number> {
  const { fullRefresh, force } = options;
  const result = await runTransform(context, { fullRefresh, force });
  const skipped = result.skipped ? 'BRONZE has not changed since the last run: nothing to do; in that run, ' : '';
  print(options, result, `${skipped}${result.testsPassed} tests passed, ${result.testsWarned} warned`);
  throwIfNoCopy(context);
  return ExitCode.done;
}

/** `schedule` */
export async function schedule(context: Context, options: { readonly once: boolean }): Promise<number> {
  if (!options.once) return (await services.schedule(context)) ? ExitCode.done : ExitCode.failed;
  const { outcome, isFresh } = await scheduleOnce(context);
  if (outcome === 'failed') return ExitCode.failed;
  throwIfNoCopy(context);
  return isFresh ? ExitCode.done : ExitCode.stale;
}
