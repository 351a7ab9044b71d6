import type { RateLimit } from '../tmdb/token-bucket/token-bucket.ts';
import { BusiestWindow } from './sliding-window.ts';

/** What `GET /sandbox/stats` answers. Requests to `/sandbox/` itself are not counted. */
export interface SandboxStats {
  /** All that arrived, refused ones included. */
  readonly requests: number;
  /** HTTP status, or `dropped` where the connection was cut with no answer → requests. */
  readonly byStatus: Readonly<Record<string, number>>;
  /** The most arrivals in any window of `windowMs`, refused ones included; above 1,048,576 it stays there. */
  readonly maxInAnyWindow: number;
  readonly windowMs: number;
  /** null: unlimited. */
  readonly limit: RateLimit | null;
  /** The most connections that were open at once (TMDb allows 20 an address). */
  readonly maxConnections: number;
  /** Answers that a fault changed, delayed ones included. */
  readonly faulty: number;
}

/** Window of `maxInAnyWindow` where there is no limit to take it from. */
const defaultWindowMs = 10_000;

/** Counts what the sandbox sees. */
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

  /** Starts over; connections that are open stay open. */
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
