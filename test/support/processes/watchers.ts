import { execFileSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import type { SupervisedService } from './supervised-service.ts';

/** Checks repeatedly until it is stopped. */
abstract class Watcher implements AsyncDisposable {
  readonly #over = new AbortController();
  readonly #watching: Promise<void>;

  constructor(everyMs: number) {
    this.#watching = this.#watch(everyMs);
  }

  protected abstract look(): Promise<void>;

  async #watch(everyMs: number): Promise<void> {
    // Starts after the constructor of the subclass has run.
    while (await delay(everyMs, true, { signal: this.#over.signal }).catch(() => false)) await this.look();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.#watching;
  }
}

/** A reader of the published GOLD, like a dashboard. A movie that it has once seen must never disappear. */
export class GoldReader extends Watcher {
  readonly #path: string;
  #seen: ReadonlySet<number> = new Set();
  reads = 0;
  /** Errors: a movie that disappeared, or a file that could not be read. */
  readonly wrong: string[] = [];

  constructor(path: string) {
    super(250);
    this.#path = path;
  }

  get movies(): number {
    return this.#seen.size;
  }

  protected async look(): Promise<void> {
    try {
      const now = await moviesIn(this.#path);
      this.reads += 1;
      const gone = [...this.#seen].filter((id) => !now.has(id));
      if (gone.length > 0) this.wrong.push(`${gone.length} of ${this.#seen.size} movies are gone, such as ${gone[0]}`);
      this.#seen = now;
    } catch (error) {
      // Before the first build, there is nothing to read.
      if (this.reads > 0) this.wrong.push(String(error));
    }
  }
}

/** The movies in the GOLD of a file. */
export async function moviesIn(path: string): Promise<Set<number>> {
  const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY' });
  try {
    const connection = await instance.connect();
    const rows = await connection.runAndReadAll('select movie_id from gold.fact_movies');
    connection.closeSync();
    return new Set(rows.getRows().map(([id]) => Number(id)));
  } finally {
    instance.closeSync();
  }
}

/** The measurements of each process, in megabytes, in order. */
type Memory = Map<number, number[]>;

const measureEveryMs = 2_000;
/** A minute. */
const leastMeasured = 30;

/** Measures the resident memory of the supervised services. */
export class MemoryWatcher extends Watcher {
  readonly #services: readonly SupervisedService[];
  readonly #measured = new Map<string, Memory>();

  constructor(services: readonly SupervisedService[]) {
    super(measureEveryMs);
    this.#services = services;
  }

  /** For the longest-running process of each supervised service: the maximum of its first and of its second half, in megabytes. */
  growth(): Record<string, readonly [firstMb: number, secondMb: number]> {
    return Object.fromEntries(
      [...this.#measured].flatMap(([name, memory]) => {
        const [longest = []] = [...memory.values()].sort((a, b) => b.length - a.length);
        // A new process grows, which means nothing.
        if (longest.length < leastMeasured) return [];
        const half = Math.ceil(longest.length / 2);
        return [[name, [Math.max(...longest.slice(0, half)), Math.max(...longest.slice(half))] as const]];
      }),
    );
  }

  protected async look(): Promise<void> {
    for (const { name, service } of this.#services) {
      const megabytes = residentMb(service.pid);
      if (megabytes === 0) continue;
      const memory: Memory = this.#measured.get(name) ?? new Map();
      this.#measured.set(name, memory);
      const series = memory.get(service.pid) ?? [];
      memory.set(service.pid, series);
      series.push(megabytes);
    }
  }
}

function residentMb(pid: number): number {
  try {
    return Math.round(Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / 1_024);
  } catch {
    return 0;
  }
}
