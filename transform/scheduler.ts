import { Cron } from 'croner';
import { z } from 'zod';
import type { Context } from '../platform/context.ts';
import { goldCopy } from '../platform/side-output.ts';
import { transformTarget } from '../platform/warehouse.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import { dayMs } from '../runtime/days.ts';
import { IngestError, messageOf } from '../runtime/errors.ts';
import { asFileError, isDiskFull } from '../runtime/file-error.ts';
import { sleepUntil } from '../runtime/repeat.ts';
import { serviceNames } from '../runtime/service-names.ts';
import type { ValueOf } from '../runtime/shape.ts';
import { SideOutputError, type TransformTarget, type WriteLock } from '../warehouse/system.ts';
import type { Dbt } from './dbt/dbt.ts';
import { DbtError } from './dbt/dbt-error.ts';
import { failuresShape } from './dbt/run-results.ts';
import { announce, type FullRefresh } from './full-refresh.ts';
import type { LayerTimes } from './layers.ts';
import { blankExpired, finishPurge, isOfPurgeOnly } from './purge.ts';
import {
  build,
  openDbt,
  planTransform,
  publishCopy,
  publishIfBehind,
  type TransformPlan,
  varsOf,
  withTransformLease,
} from './transform.ts';

/** The result of one round. */
export const roundShape = z.object({
  outcome: z
    .enum(['success', 'warned', 'failed', 'skipped'])
    .describe(
      'the outcome of dbt; skipped: BRONZE has not changed, is unavailable, or does not exist yet, or a full refresh is deferred',
    ),
  isFresh: z.boolean().describe('whether every source was fresh at the last check'),
  failures: failuresShape,
});
export type RoundOutcome = ValueOf<typeof roundShape>['outcome'];
export const roundOutcomes = roundShape.shape.outcome.options;

/** A failed copy is retried in the next round, but not more often than this (ms). */
const copyAgainMs = 10_000;
const purgeEveryMs = dayMs;
/** After a failed purge or rewrite of the file, the next attempt waits (ms), because each one reads all of the file. */
const purgeAgainMs = 10 * 60_000;
/** How long (ms) one model or test may take without any output. */
const silenceMs = 30 * 60_000;
/** After failed runs, the next one waits with growing delays, because usually a person must fix a model. */
const afterFailure = { baseMs: 15_000, capMs: 10 * 60_000 };

/**
 * Runs dbt by TRANSFORM_SCHEDULE until the signal aborts. Rounds never overlap: if a round is due while another one runs,
 * it begins after that. Over several processes, the warehouse's lock or lease keeps them apart.
 * @returns whether the last round succeeded.
 */
export async function runSchedule(context: Context, dbt: Dbt, clock: Clock = systemClock): Promise<boolean> {
  const { config, signal, health } = context;
  const schedule = new Cron(config.transformSchedule, { timezone: 'UTC', paused: true });
  const onAlive = health.pulse(serviceNames.scheduler, silenceMs);
  const rounds = new Rounds({ ...context, progress: { ...context.progress, update: onAlive } }, dbt, clock);
  for (let startedAt = clock.now(); ; ) {
    // Otherwise, if the clock is set back by an hour during the round, the service would pause for that hour.
    const next = schedule.nextRun(new Date(Math.min(startedAt, clock.now())));
    // A pattern without a next time names a year that has passed: the service stays idle.
    const waitMs = next ? next.getTime() - clock.now() : Number.MAX_SAFE_INTEGER;
    await sleepUntil(clock.monotonic() + waitMs, { clock, signal, onAlive });
    if (signal.aborted) return rounds.isGood;
    startedAt = clock.now();
    await rounds.next();
  }
}

/** One round now, whatever the schedule says. @returns its result, and the error with which dbt failed. */
export async function scheduleOnce(
  context: Context,
): Promise<ValueOf<typeof roundShape> & { readonly failure: IngestError | null }> {
  await using dbt = openDbt(context, 'cold');
  const rounds = new Rounds(context, dbt, systemClock);
  const outcome = await rounds.next();
  context.signal.throwIfAborted();
  const { isFresh, failure } = rounds;
  const failures = (failure instanceof DbtError && failure.summary?.failures) || [];
  return { outcome, isFresh, failures, failure };
}

/** One round after the other, and the state that rounds share. */
export class Rounds {
  readonly #context: Context;
  readonly #dbt: Dbt;
  readonly #target: TransformTarget;
  readonly #clock: Clock;
  /** BRONZE's version when there was nothing to do; null: check again. */
  #idleVersion: string | null = null;
  #freshnessAt = Number.NEGATIVE_INFINITY;
  /** The last failed build, if none has succeeded since; `bronze`: the time of BRONZE's last change before it. */
  #failed: { readonly times: number; readonly retryAt: number; readonly bronze: number | undefined } | null = null;
  /** Why the warehouse is unavailable; null if it was available at the last attempt. */
  #unavailable: string | null = null;
  /** Why nothing can be written: a full disk. Null again after a successful write. */
  #noSpace: string | null = null;
  /** When the copy for readers was last attempted. */
  #copiedAt = Number.NEGATIVE_INFINITY;
  #purgeAt = Number.NEGATIVE_INFINITY;
  /** Why the last purge failed; null if it did not. */
  #purgeFailure: string | null = null;
  /** When documents were replaced whose values may still be in the file; null if there are none. */
  #blankedBy: Date | null = null;
  #finishAt = Number.NEGATIVE_INFINITY;
  /** The full refresh that waits, as planned last; null if none waits. */
  #deferred: FullRefresh | null = null;
  isGood = true;
  /** Why the last round failed; null if it did not. */
  failure: IngestError | null = null;
  /** Whether every source was fresh at the last check. */
  isFresh = true;

  constructor(context: Context, dbt: Dbt, clock: Clock) {
    this.#context = context;
    this.#dbt = dbt;
    this.#target = transformTarget(context);
    this.#clock = clock;
    context.health.dependsOn('warehouse', async () => {
      const reason = this.#unavailable ?? this.#noSpace;
      if (reason !== null) throw new Error(reason);
    });
  }

  /** Checks freshness, then does what is due: nothing, a retry of what failed, or a build. Logs failures. */
  async next(): Promise<RoundOutcome> {
    const { metrics, signal } = this.#context;
    let outcome: RoundOutcome;
    this.failure = null;
    try {
      outcome = await this.#round();
    } catch (thrown) {
      if (signal.aborted && thrown === signal.reason) return 'skipped';
      const error = asFileError(thrown);
      if (!(error instanceof IngestError)) throw error;
      outcome = this.#onError(error);
    }
    metrics.dbtRuns.inc({ status: outcome });
    if (outcome !== 'skipped') this.isGood = outcome !== 'failed';
    return outcome;
  }

  /** A file that another process has open is not a failure of dbt: the next round retries. */
  #onError(error: IngestError): RoundOutcome {
    const { metrics, log } = this.#context;
    if (error.retriable) {
      const reason = messageOf(error).split('\n')[0] ?? '';
      const level = reason === this.#unavailable ? 'debug' : 'warn';
      this.#unavailable = reason;
      log[level]({ error: reason }, 'warehouse unavailable; retrying at the next scheduled run');
      return 'skipped';
    }
    if (isDiskFull(error)) this.#noSpace = 'no space left on the disk: make room';
    if (error instanceof DbtError) metrics.dbtFailing.set(error.summary?.failures.length ?? 1);
    log.error({ error: messageOf(error) }, 'dbt failed');
    this.failure = error;
    return 'failed';
  }

  async #round(): Promise<RoundOutcome> {
    await this.#purge();
    const version = await this.#target.bronzeVersion();
    // Nothing to build from yet, or too soon after a failure.
    if (version === null || this.#clock.monotonic() < (this.#failed?.retryAt ?? 0)) return 'skipped';
    if (version === this.#idleVersion) {
      this.#unavailable = null;
      // On Snowflake, a person's run of dbt does not change BRONZE, so it is looked for when the virtual warehouse runs in any case.
      if (!this.#isFreshnessDue()) return this.#deferred === null ? this.#idle() : this.#defer(this.#deferred, version);
    }
    const plan = await planTransform(this.#context);
    this.#unavailable = null;
    this.#report(plan.layers);
    this.#context.metrics.driftFindings.set(plan.driftFindings);
    if (plan.state.reason === 'nothing loaded') return 'skipped';
    await this.#askFreshness(plan.fingerprint);
    if (plan.refresh?.isDeferred) return this.#defer(plan.refresh, version);
    if (this.#deferred !== null) [this.#deferred, this.#idleVersion] = [null, null];
    if (plan.state.due) return this.#run(plan);
    await publishIfBehind(this.#context, plan.layers);
    await this.#finishPurge();
    this.#copiedAt = this.#clock.monotonic();
    this.#noSpace = null;
    // The time before the check: batches that are loaded during the check count in the next round.
    if (plan.state.waiting === 0) this.#idleVersion = version;
    return 'skipped';
  }

  /** BRONZE has not changed since there was nothing to do, and no check of freshness is due. */
  async #idle(): Promise<RoundOutcome> {
    await this.#copyAgain();
    await this.#finishPurge();
    return 'skipped';
  }

  /** Readers keep the last GOLD, and nothing is published: an interrupted refresh may have left tables of different SQL. */
  #defer(refresh: FullRefresh, version: string): RoundOutcome {
    const { config, metrics } = this.#context;
    const isAnnounced = this.#deferred !== null && config.transformFullRefresh === 'defer';
    [this.#deferred, this.#idleVersion, this.#noSpace] = [refresh, version, null];
    // The values of expired answers stay until the refresh.
    if (this.#blankedBy !== null) metrics.purgeUnfinished.set(1);
    if (!isAnnounced) announce(this.#context, refresh);
    return 'skipped';
  }

  async #run(plan: TransformPlan): Promise<RoundOutcome> {
    const { metrics } = this.#context;
    try {
      // New rows may fix the failure. Without new rows, only what failed is retried, before everything else.
      if (this.#failed && this.#failed.bronze === plan.layers.bronze) await this.#retry(plan);
      const summary = await build(this.#context, this.#dbt, plan);
      this.#failed = null;
      this.#noSpace = null;
      metrics.dbtSeconds.observe(summary.seconds);
      metrics.dbtFailing.set(0);
      const now = this.#clock.now();
      this.#report({ ...plan.layers, silver: now, gold: now });
      await this.#finishPurge();
      return summary.status === 'warned' ? 'warned' : 'success';
    } catch (error) {
      if (error instanceof DbtError && !error.retriable) this.#rememberFailure(plan);
      throw error;
    }
  }

  /** Once a day: then no answer is older than TMDB_RETENTION and a day. If only the purge is impossible, dbt runs: a later round retries. */
  async #purge(): Promise<void> {
    const { metrics, log, signal } = this.#context;
    if (this.#clock.monotonic() < this.#purgeAt) return;
    // Also after an outage or a timeout: the next rounds build without a purge.
    this.#purgeAt = this.#clock.monotonic() + purgeAgainMs;
    try {
      // Another process, or a rebuild, may have replaced some and not finished.
      this.#blankedBy = (await blankExpired(this.#context)).blankedBy;
      this.#purgeFailure = null;
      this.#purgeAt = this.#clock.monotonic() + purgeEveryMs;
    } catch (thrown) {
      if (signal.aborted || !isOfPurgeOnly(thrown)) throw thrown;
      const error = messageOf(thrown);
      log[error === this.#purgeFailure ? 'debug' : 'error'](
        { error },
        'the purge of expired answers failed; retrying later',
      );
      metrics.purgeUnfinished.set(1);
      this.#purgeFailure = error;
    }
  }

  /** SILVER and GOLD have been built from what the purge has left. If this fails, a later round retries. */
  async #finishPurge(): Promise<void> {
    const { metrics, log } = this.#context;
    if (this.#blankedBy === null || this.#clock.monotonic() < this.#finishAt) return;
    this.#finishAt = this.#clock.monotonic() + purgeAgainMs;
    try {
      await finishPurge(this.#context, this.#blankedBy);
      this.#blankedBy = null;
      metrics.purgeUnfinished.set(this.#purgeFailure === null ? 0 : 1);
    } catch (error) {
      if (!(error instanceof SideOutputError)) throw error;
      metrics.purgeUnfinished.set(1);
      log.error(
        { error: messageOf(error) },
        'values of expired answers are still in the warehouse file; retrying later',
      );
    }
  }

  #rememberFailure({ layers }: TransformPlan): void {
    const times = (this.#failed?.times ?? 0) + 1;
    const waitMs = Math.min(afterFailure.capMs, afterFailure.baseMs * 2 ** Math.min(times - 1, 30));
    this.#failed = { times, retryAt: this.#clock.monotonic() + waitMs, bronze: layers.bronze };
  }

  /** Retries only what failed and what was skipped because of it: until that succeeds, a complete build is useless. */
  async #retry({ fingerprint }: TransformPlan): Promise<void> {
    const { log } = this.#context;
    const retry = (signal: AbortSignal, lock: WriteLock) =>
      this.#dbt.run({ command: 'retry', vars: varsOf(this.#context, fingerprint), signal, lock });
    const summary = await withTransformLease(this.#context, retry);
    // dbt may have failed before it recorded any results.
    if (summary.status !== 'nothing to retry') {
      log.info({ seconds: summary.seconds }, 'the models and tests that failed in the last run succeed again');
    }
  }

  /** @param fingerprint that of the next build: with other variables, the build would parse the whole project again. */
  async #askFreshness(fingerprint: string): Promise<void> {
    const { signal, metrics, log } = this.#context;
    if (!this.#isFreshnessDue()) return;
    const vars = varsOf(this.#context, fingerprint);
    const ask = (signal: AbortSignal) => this.#dbt.freshness({ signal, vars });
    const sources = await (this.#target.readsNeedLock ? withTransformLease(this.#context, ask) : ask(signal));
    this.#freshnessAt = this.#clock.monotonic();
    this.isFresh = sources.every(({ status }) => status !== 'error');
    for (const { source, status, ageSeconds } of sources) {
      metrics.sourceFresh.set({ source }, { pass: 1, warn: 0.5, error: 0 }[status]);
      if (status !== 'pass') log.warn({ source, status, ageSeconds }, 'a source is stale');
    }
  }

  /** After a full disk, a check shows at once whether there is space again. */
  #isFreshnessDue(): boolean {
    return this.#noSpace !== null || this.#clock.monotonic() >= this.#freshnessAt + this.#target.freshnessEveryMs;
  }

  /** If the copy for readers failed, only another attempt shows whether it can be written again. */
  async #copyAgain(): Promise<void> {
    if (goldCopy(this.#context).failure === null || this.#clock.monotonic() < this.#copiedAt + copyAgainMs) return;
    this.#copiedAt = this.#clock.monotonic();
    await publishCopy(this.#context);
  }

  #report(layers: LayerTimes): void {
    for (const [layer, at] of Object.entries(layers)) this.#context.metrics.layerMovedAt.set({ layer }, at / 1_000);
  }
}
