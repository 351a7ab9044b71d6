import type { Clock } from './clock.ts';
import { messageOf } from './errors.ts';
import type { Logger } from './logger.ts';
import { fullJitter } from './retry.ts';

export interface RepeatOptions {
  readonly everyMs: number;
  /** Whether a failure is an outage, which is transient. Any other failure ends the repetition. */
  readonly isOutage: (error: unknown) => boolean;
  readonly clock: Clock;
  readonly random: () => number;
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Called repeatedly during waits, and after each round of work. */
  readonly onAlive: () => void;
  /** Called after each round with the outage that failed it, or with null. */
  readonly onOutage?: (error: Error | null) => void;
}

/** Waits are divided into slices of this length, so that the health check continues to pass. */
const sliceMs = 30_000;
const backoff = { baseMs: 30_000, capMs: 15 * 60_000 };

/**
 * Runs `work` at once and then every `everyMs`, from start to start, until the signal aborts. After an outage it
 * retries with backoff, at most `everyMs` later. It logs one line when an outage begins or changes its kind, and one when it ends.
 * @throws an error that `isOutage` rejects.
 */
export async function repeat(work: () => Promise<void>, options: RepeatOptions): Promise<void> {
  const { everyMs, isOutage, clock, random, signal, log, onAlive, onOutage } = options;
  let outage: Error | null = null;
  for (let failures = 0; !signal.aborted; ) {
    let next = clock.monotonic() + everyMs;
    try {
      await work();
      if (outage) log.info({ failures }, 'works again');
      outage = null;
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Error && isOutage(error))) throw error; // mutant: producer.outage-of-list
      const waitMs = Math.min(everyMs, backoff.baseMs / 2 + fullJitter(failures, backoff, random));
      next = clock.monotonic() + waitMs;
      failures += 1;
      if (outage?.name !== error.name) {
        log.error({ error: messageOf(error), waitMs: Math.round(waitMs) }, 'failed; retrying');
      }
      outage = error;
    }
    onOutage?.(outage);
    onAlive();
    await sleepUntil(next, options);
  }
}

/** @param at monotonic milliseconds. Returns early, without an error, if the signal aborts. */
export async function sleepUntil(
  at: number,
  { clock, signal, onAlive }: Pick<RepeatOptions, 'clock' | 'signal' | 'onAlive'>,
): Promise<void> {
  for (let leftMs = at - clock.monotonic(); leftMs > 0 && !signal.aborted; leftMs = at - clock.monotonic()) {
    await clock.sleep(Math.min(leftMs, sliceMs), signal).catch(() => {});
    onAlive();
  }
}
