import type { RateLimit } from '../tmdb/token-bucket/token-bucket.ts';
import { BusiestWindow } from './sliding-window.ts';

/** The answer of `GET /sandbox/stats`. Requests to `/sandbox/` itself are not counted. */
export interface SandboxStats {
  /** All arrivals, refused ones included. */
  readonly requests: number;
  /** HTTP status, or `dropped` if the connection was closed without an answer → requests. */
  readonly byStatus: Readonly<Record<string, number>>;
  /** The most arrivals in any window of `windowMs`, refused ones included; at most 1,048,576. */
  readonly maxInAnyWindow: number;
  readonly windowMs: number;
  /** null: unlimited. */
  readonly limit: RateLimit | null;
  /** The largest number of connections that were open at once (TMDb allows 20 for each address). */
  readonly maxConnections: number;
  /** Answers that a fault changed, delayed ones included. */
  readonly faulty: number;
}

/** Window of `maxInAnyWindow` if there is no limit. */
const defaultWindowMs = 10_000;

/** Counts the sandbox's requests and answers. */
export class StatsCounter {
  readonly #limit: RateLimit | null;
  readonly #windowMs: number;
  #busiest: BusiestWindow;
  #byStatus: Record<string, number> = {};
  #requests = 0;
  #faulty = 0;
  #connections = 0;
  #maxConnections = 0;

  constructor(limit: RateLimit | null) {
    this.#limit = limit;
    this.#windowMs = limit?.windowMs ?? defaultWindowMs;
    this.#busiest = new BusiestWindow(this.#windowMs);
  }

  arrived(nowMs: number): void {
    this.#requests += 1;
    this.#busiest.arrive(nowMs);
  }

  answered(status: number | 'dropped'): void {
    this.#byStatus[status] = (this.#byStatus[status] ?? 0) + 1;
  }

  faulted(): void {
    this.#faulty += 1;
  }

  connected(): void {
    this.#connections += 1;
    this.#maxConnections = Math.max(this.#maxConnections, this.#connections);
  }

  disconnected(): void {
    this.#connections -= 1;
  }

  /** Resets the counts; open connections stay open. */
  reset(): void {
    this.#busiest = new BusiestWindow(this.#windowMs);
    this.#byStatus = {};
    this.#requests = 0;
    this.#faulty = 0;
    this.#maxConnections = this.#connections;
  }

  read(): SandboxStats {
    return {
      requests: this.#requests,
      byStatus: { ...this.#byStatus },
      maxInAnyWindow: this.#busiest.most,
      windowMs: this.#windowMs,
      limit: this.#limit,
      maxConnections: this.#maxConnections,
      faulty: this.#faulty,
    };
  }
}
