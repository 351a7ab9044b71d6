import { autoSuspendSeconds, virtualWarehouses, type WarehouseSettings } from './provision/virtual-warehouses.ts';

/** The price of Snowflake's virtual warehouses: credits an hour, by size (Snowflake's credit table). */
const creditsAnHour: Readonly<Record<WarehouseSettings['size'], number>> = { XSMALL: 1, SMALL: 2 };

const suspendAfterMs = autoSuspendSeconds * 1_000;

/** A time (ms since the epoch) in which statements ran. */
export interface Busy {
  readonly from: number;
  readonly to: number;
}

/**
 * How long a virtual warehouse ran for these statements: from each first statement until `autoSuspendSeconds` after the last one. This
 * is one minute, so Snowflake's minimum of one minute per start is included. @returns seconds.
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

/** The totals of loading and transforming. If one virtual warehouse does both, it runs for both at once. */
export interface Cost {
  readonly secondsAwake: number;
  readonly credits: number;
}

/** An estimate: credits as if each warehouse had run for nothing else, and without Snowflake's own services. */
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
