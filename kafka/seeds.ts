/** Where a new client begins to look for the cluster. */
export class Seeds {
  readonly #configured: readonly string[];
  #learned: readonly string[] = [];

  /** @param configured `host:port` of some brokers, as a person named them. */
  constructor(configured: readonly string[]) {
    this.#configured = configured;
  }

  /** The brokers that the cluster itself has named last: those that a person named may all be down. */
  learn(brokers: readonly { readonly host: string; readonly port: number }[]): void {
    const addresses = brokers.map(({ host, port }) => `${host}:${port}`);
    this.#learned = addresses.filter((address) => !this.#configured.includes(address));
  }

  /** `host:port`; a client tries one after the other. */
  addresses(): string[] {
    return [...this.#configured, ...this.#learned];
  }
}
