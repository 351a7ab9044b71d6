/** The clocks of two machines may run apart by this share: ntpd corrects a clock by at most 0.05 %. */
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
 * Detects that the store's clock was set forward, or runs too fast while it is corrected. An exchange shows that the store's clock
 * is ahead of ours by at least `storeNow - receivedAt` and at most `storeNow - sentAt` (as in NTP, RFC 5905). If the new minimum exceeds
 * the old maximum, the clock was set. So slow exchanges hide a small step, and never look like one.
 */
export class StoreClock {
  #ahead: { readonly least: number; readonly most: number; readonly at: number } | undefined;

  /** @returns by how many ms at most the clock was set forward since the last exchanges; 0 if it is not certain that it was. */
  stepOf({ sentAt, storeNow, receivedAt }: Exchange): number {
    const [least, most] = [storeNow - receivedAt, storeNow - sentAt];
    const drift = this.#ahead ? (receivedAt - this.#ahead.at) * mostDrift : 0;
    const before = { least: (this.#ahead?.least ?? least) - drift, most: (this.#ahead?.most ?? most) + drift };
    const isSet = least - before.most > harmlessMs;
    const isSetBack = most < before.least;
    const known =
      isSet || isSetBack
        ? { least, most }
        : { least: Math.max(before.least, least), most: Math.min(before.most, most) };
    this.#ahead = { ...known, at: receivedAt };
    return isSet ? most - before.least : 0;
  }
}
