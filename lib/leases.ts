/**
 * What outlives a holder that was killed, and for how long (ms). A process that waits for one of these waits at least so long:
 * `waitFor` is the only way from a setting to a wait. A holder that can be looked at (`isGone`) is not waited for at all.
 */
export const leases = {
  /** A place in the line for a DuckDB file. Its owner touches it twice a second. */
  fileLock: 5_000,
  /** A broker's data folder. Its owner touches the claim twice a second. */
  brokerClaim: 5_000,
  /** A broker whose owner is gone has 15 s for a clean stop; on a busy machine its supervisor counts them slowly. */
  orphanedBroker: 45_000,
  /** The right to run dbt on Snowflake. Its owner renews it every 20 s. */
  transform: 90_000,
  /**
   * A transaction on Snowflake, which locks the row of the loaders (`load_turn`), of dbt's sealing (`seal_turn`) or of the
   * transform lease itself: Snowflake ends it when it was idle and in another's way for five minutes.
   */
  transaction: 300_000,
} as const;

export type Lease = keyof typeof leases;

/** For the last look, and for a statement that was under way when the holder died. */
const marginMs = 5_000;

/** How long (ms) to wait for a lease whose holder may be dead: what is configured, but never less than the lease lasts. */
export const waitFor = (lease: Lease, configuredMs: number): number => Math.max(configuredMs, leases[lease] + marginMs);

/** For a person. @param ms that are left of a lease. */
export const timeLeft = (ms: number): string => `${Math.max(0, Math.ceil(ms / 1_000))} s`;
