import { statSync } from 'node:fs';
import { Cron } from 'croner';
import { type Clock, systemClock } from '../lib/clock.ts';
import type { Dbt } from '../lib/dbt/dbt.ts';
import { DbtError } from '../lib/dbt/dbt-error.ts';
import { IngestError, isRetriable, messageOf } from '../lib/errors.ts';
import type { LayerTimes } from './layers.ts';
import type { Context } from './platform.ts';
import { sleepUntil } from './repeat.ts';
import { build, inTurn, lookUp, type Outlook, openDbt, publish, varsOf } from './transform.ts';

/** How one round went. `skipped`: BRONZE has not moved, or is not there yet. */
export type RoundOutcome = 'success' | 'warned' | 'failed' | 'skipped';

/** One model or test may take so long without a word. */
const silenceMs = 30 * 60_000;
/** After a failed run the next waits, ever longer: most often a person has to mend a model. */
const afterFailure = { baseMs: 15_000, capMs: 10 * 60_000 };
/** Sources are judged in days: more often tells nothing new. */
const freshnessEveryMs = 60_000;

/**
 * Runs dbt by TRANSFORM_SCHEDULE until the signal aborts: rounds never overlap, a round whose time came while another ran
 * begins when that is over, and over several processes the turn on the warehouse keeps them apart.
 * @returns whether the last round was good.
 */
export async function runSchedule(context: Context, dbt: Dbt, clock: Clock = systemClock): Promise<boolean> {
  const { config, signal, health } = context;
  const schedule = new Cron(config.transformSchedule, { timezone: 'UTC', paused: true });
  const onAlive = health.pulse('schedule', silenceMs);
  const rounds = new Rounds({ ...context, progress: { ...context.progress, update: onAlive } }, dbt, clock);
  for (let startedAt = clock.now(); ; ) {
    const next = schedule.nextRun(new Date(startedAt));
    // A pattern whose last time has come is one that names a year: nothing is left to do but to be there.
    const waitMs = next ? next.getTime() - clock.now() : Number.MAX_SAFE_INTEGER;
    await sleepUntil(clock.monotonic() + waitMs, { clock, signal, onAlive });
    if (signal.aborted) return rounds.isGood;
    startedAt = clock.now();
    await rounds.next();
  }
}

/** One round now, whatever the schedule says. */
export async function scheduleOnce(context: Context): Promise<{ outcome: RoundOutcome; isFresh: boolean }> {
  await using dbt = openDbt(context, 'cold');
  const rounds = new Rounds(context, dbt, systemClock);
  const outcome = await rounds.next();
  return { outcome, isFresh: rounds.isFresh };
}

/** One round after the other, and what a round has to know of those before it. */
export class Rounds {
  readonly #context: Context;
  readonly #dbt: Dbt;
  readonly #clock: Clock;
  /** The files as they were when there was nothing to do; null: look again. */
  #idleStamp: string | null = null;
  #freshnessAt = Number.NEGATIVE_INFINITY;
  /** Runs that failed one after the other; dbt knows what to try again of the last. */
  #failures = 0;
  #notBefore = Number.NEGATIVE_INFINITY;
  isGood = true;
  /** Whether every source was fresh when last asked. */
  isFresh = true;

  constructor(context: Context, dbt: Dbt, clock: Clock) {
    this.#context = context;
    this.#dbt = dbt;
    this.#clock = clock;
    context.health.dependsOn('warehouse', async () => {
      if (this.#unavailable !== null) throw new Error(this.#unavailable);
    });
  }

  /** Why the warehouse could not be had in the last round. */
  #unavailable: string | null = null;

  /** Freshness, then what is due: nothing, or a run that failed again, or a build. Failures are logged here. */
  async next(): Promise<RoundOutcome> {
    const { metrics, log, signal } = this.#context;
    let outcome: RoundOutcome;
    try {
      outcome = await this.#round();
      this.#unavailable = null;
    } catch (error) {
      if (signal.aborted && error === signal.reason) return 'skipped';
      if (!(error instanceof IngestError)) throw error;
      outcome = 'failed';
      if (isRetriable(error)) this.#unavailable = messageOf(error).split('\n')[0] ?? '';
      if (error instanceof DbtError) metrics.dbtFailing.set(error.summary?.failures.length ?? 1);
      const waitMs = Math.min(afterFailure.capMs, afterFailure.baseMs * 2 ** Math.min(this.#failures, 30));
      this.#failures += 1;
      this.#notBefore = this.#clock.monotonic() + waitMs;
      log.error({ error: messageOf(error) }, 'dbt failed');
    }
    metrics.dbtRuns.inc({ status: outcome });
    if (outcome !== 'skipped') this.isGood = outcome !== 'failed';
    return outcome;
  }

  async #round(): Promise<RoundOutcome> {
    const stamp = stampOf(this.#context.config.warehouse.duckdbPath);
    // Nothing to build from yet, or too soon after a failure.
    if (stamp === null || this.#clock.monotonic() < this.#notBefore) return 'skipped';
    const isIdle = stamp === this.#idleStamp;
    const outlook = isIdle ? null : await lookUp(this.#context);
    if (outlook) this.#tell(outlook.layers);
    await this.#askFreshness(outlook?.fingerprint);
    if (!outlook?.state.due) {
      this.#idleStamp = isIdle || !outlook ? this.#idleStamp : stampOf(this.#context.config.warehouse.duckdbPath);
      return 'skipped';
    }
    return this.#run(outlook);
  }

  async #run(outlook: Outlook): Promise<RoundOutcome> {
    const { metrics } = this.#context;
    if (this.#failures > 0) await this.#retry(outlook);
    const summary = await build(this.#context, this.#dbt, outlook);
    this.#failures = 0;
    metrics.dbtSeconds.observe(summary.seconds);
    metrics.dbtFailing.set(0);
    await publish(this.#context);
    const now = this.#clock.now();
    this.#tell({ ...outlook.layers, silver: now, gold: now });
    return summary.status === 'warned' ? 'warned' : 'success';
  }

  /** Only what failed, and what was skipped for it: as long as that fails there is no use in building the rest again. */
  async #retry({ fingerprint }: Outlook): Promise<void> {
    const { signal, log } = this.#context;
    const summary = await inTurn(this.#context, () =>
      this.#dbt.run({ command: 'retry', vars: varsOf(fingerprint), signal }),
    );
    // It may not have come so far that dbt knows what failed.
    if (summary.status !== 'nothing to retry') {
      log.info({ seconds: summary.seconds }, 'what failed in the last run works again');
    }
  }

  /** @param fingerprint absent: that of the command before. Other variables would have the next build parse anew. */
  async #askFreshness(fingerprint: string | undefined): Promise<void> {
    const { signal, metrics, log } = this.#context;
    if (this.#clock.monotonic() < this.#freshnessAt + freshnessEveryMs) return;
    const vars = fingerprint === undefined ? undefined : varsOf(fingerprint);
    const sources = await inTurn(this.#context, () => this.#dbt.freshness({ signal, ...(vars && { vars }) }));
    this.#freshnessAt = this.#clock.monotonic();
    this.isFresh = sources.every(({ status }) => status !== 'error');
    for (const { source, status, ageSeconds } of sources) {
      metrics.sourceFresh.set({ source }, { pass: 1, warn: 0.5, error: 0 }[status]);
      if (status !== 'pass') log.warn({ source, status, ageSeconds }, 'a source is stale');
    }
  }

  #tell(layers: LayerTimes): void {
    for (const [layer, at] of Object.entries(layers)) this.#context.metrics.layerMovedAt.set({ layer }, at / 1_000);
  }
}

/** Tells whether anybody has written to the DuckDB file since, without opening it; null when it is not there. */
function stampOf(path: string): string | null {
  const stamps = [path, `${path}.wal`].map((file) => {
    const stats = statSync(file, { throwIfNoEntry: false, bigint: true });
    return stats && `${stats.mtimeNs}/${stats.size}`;
  });
  return stamps[0] ? stamps.join(' ') : null;
}
