/** The clocks of two machines may run apart by this share: NTP corrects a clock by at most 0.05 %. */
const mostDrift = 0.001;
/** A smaller step does no harm: a token cools from the response, which TMDb sends later than this after the request. */
const harmlessMs = 20;

/** When a call was sent and its answer received, by this process's monotonic clock, and the store's clock in between, in ms. */
interface Exchange {
  readonly sentAt: number;
  readonly storeNow: number;
  readonly receivedAt: number;
}

/**
 * Detects that the store's clock was set forward. An exchange shows that the store's clock is ahead of ours by at least
 * `storeNow - receivedAt` and at most `storeNow - sentAt` (as in NTP, RFC 5905). If the new minimum exceeds the old maximum, the
 * clock was set. So slow exchanges hide a small step, and never look like one.
 */
export class StoreClock {
  #last: { readonly mostAhead: number; readonly sentAt: number } | undefined;

  /** @returns by how many ms at least the clock was set forward since the last exchange; 0 if this is not certain. */
  stepOf({ sentAt, storeNow, receivedAt }: Exchange): number {
    const ahead = storeNow - sentAt;
    const before = this.#last ? this.#last.mostAhead + (receivedAt - this.#last.sentAt) * mostDrift : ahead;
    const step = storeNow - receivedAt - before;
    const isSet = step > harmlessMs;
    this.#last = { mostAhead: isSet ? ahead : Math.min(before, ahead), sentAt };
    return isSet ? step : 0;
  }
}
