import { autoSuspendSeconds, virtualWarehouses, type WarehouseSettings } from './provision/virtual-warehouses.ts';

/** What Snowflake's virtual warehouses cost: credits an hour, by size (Snowflake's credit table). */
const creditsAnHour: Readonly<Record<WarehouseSettings['size'], number>> = { XSMALL: 1, SMALL: 2 };

const suspendAfterMs = autoSuspendSeconds * 1_000;

/** A time (ms since the epoch) in which statements ran. */
export interface Busy {
  readonly from: number;
  readonly to: number;
}

/**
 * How long a virtual warehouse was awake for these: from each first statement until `autoSuspendSeconds` after the last one. As that
 * is a minute, Snowflake's minimum of a minute for each time it wakes up is in it. @returns seconds.
 */
export function awakeSeconds(busy: readonly Busy[]): number {
  let awakeMs = 0;
  let asleepFrom = Number.NEGATIVE_INFINITY;
  for (const { from, to } of busy.toSorted((a, b) => a.from - b.from)) {
    const until = to + suspendAfterMs;
    awakeMs += Math.max(0, until - Math.max(from, asleepFrom));
    asleepFrom = Math.max(asleepFrom, until);
  }
  return awakeMs / 1_000;
}

/** What loading and transforming came to. Where one virtual warehouse does both, it is awake for both at once. */
export interface Cost {
  readonly secondsAwake: number;
  readonly credits: number;
}

/** An estimate: credits as if each had been awake for nothing else, and without Snowflake's own services. */
export function costOf(flushes: readonly Busy[], runs: readonly Busy[], isShared: boolean): Cost {
  const { ingest, transform, shared } = virtualWarehouses;
  const work = isShared
    ? [{ seconds: awakeSeconds([...flushes, ...runs]), size: shared.size }]
    : [
        { seconds: awakeSeconds(flushes), size: ingest.size },
        { seconds: awakeSeconds(runs), size: transform.size },
      ];
  return {
    secondsAwake: work.reduce((sum, { seconds }) => sum + seconds, 0),
    credits: work.reduce((sum, { seconds, size }) => sum + seconds * creditsAnHour[size], 0) / 3_600,
  };
}
