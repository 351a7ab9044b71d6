/**
 * Everything that outlives a killed holder, and for how long (ms). A process that waits for one of these waits at least that long:
 * `waitFor` is the only way from a setting to a wait. If the holder is known to be dead (`isGone`), nothing waits for it.
 */
export const leases = {
  /** A place in the queue for a DuckDB file. Its owner touches it twice a second. */
  fileLock: 5_000,
  /** A broker's data folder. Its owner touches the claim twice a second. */
  brokerClaim: 5_000,
  /** A broker whose owner is dead has 15 s for a clean stop. On a busy machine its supervisor may take longer. */
  orphanedBroker: 45_000,
  /** The right to run dbt on Snowflake. Its owner renews it every 20 s. */
  transform: 90_000,
  /**
   * A transaction on Snowflake, which locks the row of the loaders (`load_lock`), of dbt's sealing (`seal_lock`) or of the
   * transform lease. Snowflake ends it after it has been idle and has blocked another for five minutes.
   */
  transaction: 300_000,
} as const;

export type Lease = keyof typeof leases;

/** Time for the last check, and for a statement that was running when the holder died. */
const marginMs = 5_000;

/** How long (ms) to wait for a lease whose holder may be dead: the configured time, but never less than the lease lasts. */
export const waitFor = (lease: Lease, configuredMs: number): number => Math.max(configuredMs, leases[lease] + marginMs);

/** For messages. @param ms until the lease expires. */
export const timeLeft = (ms: number): string => `${Math.max(0, Math.ceil(ms / 1_000))} s`;
