/** What Snowflake's virtual warehouses cost: credits an hour of the two sizes that are provisioned (Snowflake's credit table). */
const creditsAnHour = { XSMALL: 1, SMALL: 2 } as const;

/** As provisioned: so long after its last statement a virtual warehouse falls asleep. */
const suspendAfterMs = 60_000;

/** A time (ms since the epoch) in which statements ran. */
export interface Busy {
  readonly from: number;
  readonly to: number;
}

/**
 * How long a virtual warehouse was awake for these: from each first statement until `suspendAfterMs` after the last one. As that
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
  const awake = isShared ? [awakeSeconds([...flushes, ...runs]), 0] : [awakeSeconds(flushes), awakeSeconds(runs)];
  const [ingest = 0, transform = 0] = awake;
  return {
    secondsAwake: ingest + transform,
    credits: (ingest * creditsAnHour.XSMALL + transform * creditsAnHour.SMALL) / 3_600,
  };
}
