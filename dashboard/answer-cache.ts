import type { Answer } from './answer.ts';

/** Most answers that are kept. A page has about 60 KB. */
const capacity = 100;

/** Answers of one published GOLD. A newer GOLD empties it. Callers that ask at the same time share one answer. */
export class AnswerCache {
  readonly #answers = new Map<string, Promise<Answer>>();
  #version = '';

  /** @param version of the published GOLD. @param make is called if the answer is not kept. A failed answer is not kept. */
  get(version: string, key: string, make: () => Promise<Answer>): Promise<Answer> {
    if (version !== this.#version) {
      this.#answers.clear();
      this.#version = version;
    }
    const known = this.#answers.get(key);
    const answer = known ?? make();
    // The map is in the order of use: the first one was not used for the longest time.
    this.#answers.delete(key);
    this.#answers.set(key, answer);
    if (!known) answer.catch(() => this.#forget(key, answer));
    const [oldest] = this.#answers.keys();
    if (this.#answers.size > capacity && oldest !== undefined) this.#answers.delete(oldest);
    return answer;
  }

  #forget(key: string, answer: Promise<Answer>): void {
    if (this.#answers.get(key) === answer) this.#answers.delete(key);
  }
}
