import { setTimeout as delay } from 'node:timers/promises';
import type { Fleet, LogLine, Service } from './fleet.ts';

/** How long a restart policy waits before it restarts a service. */
const restartMs = 1_000;

/** How a service ended by itself. */
interface Death {
  readonly code: number | null;
  /** The last line of its log. */
  readonly lastLine: LogLine | undefined;
  readonly tail: string;
}

/** A service that is restarted when it ends by itself, as under a restart policy. */
export class SupervisedService {
  readonly name: string;
  readonly #fleet: Fleet;
  readonly #args: readonly string[];
  service: Service;
  readonly deaths: Death[] = [];
  #isWanted = true;
  #isKilled = false;
  readonly #watching: Promise<void>;

  constructor(fleet: Fleet, name: string, args: readonly string[]) {
    this.name = name;
    this.#fleet = fleet;
    this.#args = args;
    this.service = this.#start();
    this.#watching = this.#watch();
  }

  /** SIGKILL; a new process starts at once. */
  async kill(): Promise<void> {
    const { service } = this;
    this.#isKilled = true;
    service.kill('SIGKILL');
    await service.exited;
  }

  /** Suspends it for this time. Its connections stay open. */
  async stopFor(ms: number): Promise<void> {
    const { service } = this;
    service.kill('SIGSTOP');
    await delay(ms);
    service.kill('SIGCONT');
  }

  /** SIGTERM, without a restart. @returns its exit code. */
  async end(): Promise<number | null> {
    this.#isWanted = false;
    this.service.kill('SIGTERM');
    await this.#watching;
    return this.service.exited;
  }

  get #hasEnded(): boolean {
    return !this.#isWanted || this.#fleet.hasEnded;
  }

  #start(): Service {
    return this.#fleet.start(this.name, this.#args);
  }

  async #watch(): Promise<void> {
    for (;;) {
      const code = await this.service.exited;
      if (this.#hasEnded) return;
      if (!this.#isKilled) {
        this.deaths.push({ code, lastLine: this.service.lines.at(-1), tail: this.service.tail() });
        await delay(restartMs);
        if (this.#hasEnded) return;
      }
      this.#isKilled = false;
      this.service = this.#start();
    }
  }
}
