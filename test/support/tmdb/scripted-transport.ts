import { UnusableAnswerError } from '../../../tmdb/errors.ts';
import type { Answer, Transport } from '../../../tmdb/transport.ts';

export const json = (value: unknown, status = 200, more: Partial<Answer> = {}): Answer => ({
  status,
  contentType: 'application/json;charset=utf-8',
  retryAfter: undefined,
  body: Buffer.from(JSON.stringify(value)),
  ...more,
});
export const failure = (status: number) => json({ status_code: 11, status_message: 'Internal error' }, status);
export const genres = json({ genres: [{ id: 28, name: 'Action' }] });
export const movie = (id: number) => json({ id, title: 'A movie' });

/** A transport that answers from a script and records the requests. */
export class ScriptedTransport implements Transport {
  readonly asked: string[] = [];
  inFlight = 0;
  mostInFlight = 0;
  readonly #answer: (path: string, nth: number) => Answer | Error | Promise<Answer>;

  constructor(answer: (path: string, nth: number) => Answer | Error | Promise<Answer>) {
    this.#answer = answer;
  }

  async get(path: string, onAnswered: () => void): Promise<Answer> {
    this.asked.push(path);
    this.inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    try {
      const answer = await this.#answer(path, this.asked.filter((other) => other === path).length);
      if (answer instanceof Error) throw answer;
      onAnswered();
      return answer;
    } finally {
      this.inFlight -= 1;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

export const networkFailure = () =>
  new UnusableAnswerError('attempts_exhausted', 'the connection failed (ECONNRESET)', true);
