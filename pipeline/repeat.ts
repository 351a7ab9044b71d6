import type { Clock } from '../lib/clock.ts';
import { isRetriable, messageOf } from '../lib/errors.ts';
import { KafkaError } from '../lib/kafka/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { fullJitter } from '../lib/retry.ts';

export interface RepeatOptions {
  readonly everyMs: number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Called now and then while it waits, and when the work was done. */
  readonly onAlive: () => void;
}

/** Waiting is cut into slices of this, so that signs of life go on. */
const sliceMs = 30_000;
const backoff = { baseMs: 30_000, capMs: 15 * 60_000 };

/**
 * Does `work` at once and then every `everyMs`, from start to start, until the signal aborts. An outage is logged and
 * tried again, with backoff, `everyMs` later at most; a Kafka client that failed is dead, and everything else is no outage.
 * @throws KafkaError, and what does not pass by itself.
 */
export async function repeat(work: () => Promise<void>, options: RepeatOptions): Promise<void> {
  const { everyMs, clock, random, signal, log, onAlive } = options;
  for (let failures = 0; !signal.aborted; ) {
    let next = clock.monotonic() + everyMs;
    try {
      await work();
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      if (!isRetriable(error) || error instanceof KafkaError) throw error;
      const waitMs = Math.min(everyMs, backoff.baseMs / 2 + fullJitter(failures, backoff, random));
      next = clock.monotonic() + waitMs;
      failures += 1;
      log.error({ error: messageOf(error), waitMs: Math.round(waitMs) }, 'failed, trying again later');
    }
    onAlive();
    await sleepUntil(next, options);
  }
}

/** @param at monotonic milliseconds. Ends early, and without an error, when the signal aborts. */
export async function sleepUntil(
  at: number,
  { clock, signal, onAlive }: Pick<RepeatOptions, 'clock' | 'signal' | 'onAlive'>,
): Promise<void> {
  for (let leftMs = at - clock.monotonic(); leftMs > 0 && !signal.aborted; leftMs = at - clock.monotonic()) {
    await clock.sleep(Math.min(leftMs, sliceMs), signal).catch(() => {});
    onAlive();
  }
}
