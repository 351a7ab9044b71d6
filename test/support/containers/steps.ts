/** How long each part of the container tests took. */
export class Steps {
  readonly #took: { readonly what: string; readonly seconds: number }[] = [];

  /** Runs `step` and prints how long it took. */
  async run<T>(what: string, step: () => Promise<T>): Promise<T> {
    const started = performance.now();
    try {
      return await step();
    } finally {
      const seconds = (performance.now() - started) / 1_000;
      this.#took.push({ what, seconds });
      process.stdout.write(`${seconds.toFixed(0).padStart(5)} s  ${what}\n`);
    }
  }

  /** One line for each step, in minutes. */
  toString(): string {
    const total = this.#took.reduce((sum, { seconds }) => sum + seconds, 0);
    return [...this.#took, { what: 'in all', seconds: total }]
      .map(({ what, seconds }) => `${(seconds / 60).toFixed(1).padStart(6)} min  ${what}`)
      .join('\n');
  }
}
