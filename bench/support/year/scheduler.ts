/** The rounds of the scheduler, in a process of their own that has its settings in the environment: one round on each request. */
import { loadConfig } from '../../../platform/config.ts';
import { systemClock } from '../../../runtime/clock.ts';
import { messageOf } from '../../../runtime/errors.ts';
import { Health } from '../../../runtime/health.ts';
import { createLogger } from '../../../runtime/logger.ts';
import { createMetrics } from '../../../runtime/metrics.ts';
import { noProgress } from '../../../runtime/progress.ts';
import { type RoundOutcome, Rounds } from '../../../transform/scheduler.ts';
import { openDbt, planTransform } from '../../../transform/transform.ts';
import { ChildMemory } from '../child-usage.ts';
import { answerRequests } from './worker.ts';

export interface RoundReport {
  readonly outcome: RoundOutcome;
  /** Whether a build is still due: a skipped round may have found nothing to do, or may wait after a failure. */
  readonly isDue: boolean;
  /** Why the round failed; null if it did not. */
  readonly failure: string | null;
  /** Of the whole round: the look, the build and the copy for readers. */
  readonly seconds: number;
  /** Most resident memory during the round, of dbt with DuckDB in it and of this process. */
  readonly dbtMegabytes: number;
  readonly ownMegabytes: number;
}

const context = {
  config: loadConfig(process.env),
  log: createLogger('fatal', []),
  progress: noProgress,
  signal: new AbortController().signal,
  metrics: createMetrics('bench'),
  health: new Health(systemClock),
};
const rounds = new Rounds(context, openDbt(context, 'warm'), systemClock);

answerRequests(async (): Promise<RoundReport> => {
  using memory = new ChildMemory('VmRSS');
  const started = performance.now();
  const outcome = await rounds.next();
  const seconds = (performance.now() - started) / 1_000;
  const ownMegabytes = Math.round(process.memoryUsage.rss() / 2 ** 20);
  const isDue = outcome === 'failed' || (outcome === 'skipped' && (await planTransform(context)).state.due);
  const failure = rounds.failure && messageOf(rounds.failure);
  return { outcome, isDue, failure, seconds, dbtMegabytes: memory.peakMegabytes, ownMegabytes };
});
