import { formatReport, runReportShape } from '../../pipeline/report.ts';
import { runOnce } from '../../pipeline/run-once.ts';
import { services } from '../../pipeline/services.ts';
import type { Context } from '../../platform/context.ts';
import { ExitCode } from '../../runtime/errors.ts';
import { throwIfNoCopy } from '../../transform/transform.ts';
import { print } from '../engine/print.ts';

interface Run {
  readonly once: boolean;
  readonly pages: number;
  readonly fullRefresh: boolean;
  /** Milliseconds. */
  readonly popularEvery: number;
  /** Milliseconds. */
  readonly genresEvery: number;
  /** Milliseconds; never if undefined. */
  readonly changesEvery: number | undefined;
  /** Milliseconds; never if undefined. */
  readonly exportEvery: number | undefined;
  readonly json: boolean;
}

/** `run` */
export async function run(context: Context, options: Run): Promise<number> {
  const { pages, fullRefresh, popularEvery: popularEveryMs, genresEvery: genresEveryMs } = options;
  const { changesEvery: changesEveryMs, exportEvery: exportEveryMs } = options;
  if (!options.once) {
    const isGood = await services.all(context, {
      ...{ pages, popularEveryMs, genresEveryMs, changesEveryMs, exportEveryMs },
    });
    return isGood ? ExitCode.done : ExitCode.failed;
  }
  const report = await runOnce(context, { pages, fullRefresh });
  context.progress[Symbol.dispose]();
  print(options, runReportShape, report, () => formatReport(report));
  throwIfNoCopy(context);
  if (report.walk.pagesRead === 0) return ExitCode.failed;
  return report.walk.pagesFailed === 0 && report.genres.failure === null ? ExitCode.done : ExitCode.partial;
}
