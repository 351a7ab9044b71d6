/** The addresses that a new client tries. */
export class Seeds {
  readonly #configured: () => readonly string[];
  #learned: readonly string[] = [];

  /** @param configured `host:port` of some brokers, from the settings or from the process that runs a local broker. */
  constructor(configured: () => readonly string[]) {
    this.#configured = configured;
  }

  /** Adds the brokers that the cluster named last: all configured brokers may be down. */
  learn(brokers: readonly { readonly host: string; readonly port: number }[]): void {
    const addresses = brokers.map(({ host, port }) => `${host}:${port}`);
    this.#learned = addresses.filter((address) => !this.#configured().includes(address));
  }

  /** `host:port` of each; a client tries one after the other. */
  addresses(): string[] {
    return [...this.#configured(), ...this.#learned];
  }
}
