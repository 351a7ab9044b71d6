/** The calls of a loader: two to the warehouse, two to Kafka. */
export type Port = 'append' | 'positions' | 'publish' | 'hint';

/**
 * `continues`: the call takes effect or, if it already has, its reply arrives. `goes through`: both. `fails unseen`: the caller
 * receives an error, although the call may have taken effect or may still do so. `is refused`: the caller receives an error, and
 * the call takes no effect unless it already has.
 */
export type Fate = 'continues' | 'goes through' | 'fails unseen' | 'is refused';

/** A process. A dead process sends and receives nothing. */
interface Sender {
  readonly isAlive: boolean;
}

/** A call on its way to a server and back. Its effect and its reply are two separate moments. */
export class Call {
  readonly port: Port;
  readonly sender: Sender;
  readonly #effect: () => Promise<unknown>;
  readonly #caller: Pick<PromiseWithResolvers<unknown>, 'resolve' | 'reject'>;
  readonly #failure: () => Error;
  #reply: Promise<unknown> | undefined;
  #isGivenUp = false;

  constructor(
    { port, sender, effect, failure }: Sending<unknown>,
    caller: Pick<PromiseWithResolvers<unknown>, 'resolve' | 'reject'>,
  ) {
    this.port = port;
    this.sender = sender;
    this.#effect = effect;
    this.#caller = caller;
    this.#failure = failure;
  }

  get tookEffect(): boolean {
    return this.#reply !== undefined;
  }

  /** The caller has given up, but the call may still take effect. */
  get isLate(): boolean {
    return this.#isGivenUp || !this.sender.isAlive;
  }

  /** @returns whether it has ended. */
  meet(fate: Fate): boolean {
    if (fate === 'continues') return this.#continue();
    if (fate === 'goes through') return this.#continue() || this.#continue();
    if (!this.isLate) this.#caller.reject(this.#failure());
    this.#isGivenUp = true;
    return fate === 'is refused' || this.tookEffect;
  }

  #continue(): boolean {
    if (this.#reply !== undefined) {
      if (!this.isLate) this.#reply.then(this.#caller.resolve, this.#caller.reject);
      return true;
    }
    this.#reply = this.#effect();
    this.#reply.catch(() => {});
    return this.isLate;
  }
}

interface Sending<T> {
  readonly port: Port;
  readonly sender: Sender;
  readonly effect: () => Promise<T>;
  readonly failure: () => Error;
}

/** All calls that are on their way. Only `meet` changes a call. */
export class Wire {
  readonly calls: Call[] = [];

  send<T>(sending: Sending<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    if (sending.sender.isAlive) this.calls.push(new Call(sending, { resolve: (reply) => resolve(reply as T), reject }));
    return promise;
  }

  meet(call: Call, fate: Fate): void {
    if (call.meet(fate)) this.calls.splice(this.calls.indexOf(call), 1);
  }
}
