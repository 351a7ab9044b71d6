import { services } from '../../pipeline/services.ts';
import type { Context } from '../../platform/context.ts';
import { ExitCode } from '../../runtime/errors.ts';
import { DbtError } from '../../transform/dbt/dbt-error.ts';
import { describeDeferred } from '../../transform/full-refresh.ts';
import { roundShape, scheduleOnce } from '../../transform/scheduler.ts';
import {
  resultOf,
  transform as runTransform,
  type TransformResult,
  throwIfNoCopy,
  transformShape,
} from '../../transform/transform.ts';
import { print } from '../engine/print.ts';

interface Transform {
  readonly fullRefresh: boolean;
  readonly force: boolean;
  readonly json: boolean;
}

/** `transform` */
export async function transform(context: Context, options: Transform): Promise<number> {
  const { fullRefresh, force } = options;
  try {
    const result = await runTransform(context, { fullRefresh, force });
    print(options, transformShape, result, () => textOf(result));
  } catch (error) {
    if (error instanceof DbtError && error.exitCode === ExitCode.partial && error.summary) {
      const result = resultOf(error.summary);
      context.progress[Symbol.dispose]();
      print(options, transformShape, result, () => textOf(result));
    }
    throw error;
  }
  throwIfNoCopy(context);
  return ExitCode.done;
}

function textOf({ skipped, fullRefresh, testsPassed, testsWarned, testsFailed }: TransformResult): string {
  if (fullRefresh) return describeDeferred(fullRefresh);
  const prefix = skipped ? 'BRONZE has not changed since the last run: nothing to do; in that run, ' : '';
  const failed = testsFailed > 0 ? `, ${testsFailed} failed` : '';
  return `${prefix}${testsPassed} tests passed, ${testsWarned} warned${failed}`;
}

interface Schedule {
  readonly once: boolean;
  readonly json: boolean;
}

const outcomes = {
  success: 'dbt ran, and its tests passed',
  warned: 'dbt ran, and some of its tests warned',
  failed: 'dbt failed',
  skipped: 'dbt did not run: BRONZE has not changed or is unavailable, or a full refresh is deferred',
};

/** `schedule` */
export async function schedule(context: Context, options: Schedule): Promise<number> {
  if (!options.once) return (await services.schedule(context)) ? ExitCode.done : ExitCode.failed;
  const { failure, ...round } = await scheduleOnce(context);
  print(options, roundShape, round, outcomes[round.outcome]);
  if (failure) return failure.exitCode;
  throwIfNoCopy(context);
  return round.isFresh ? ExitCode.done : ExitCode.stale;
}
