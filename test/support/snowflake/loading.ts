import { type Flush, runLoader } from '../../../consumers/loader.ts';
import type { Offsets } from '../../../kafka/topic.ts';
import { systemClock } from '../../../runtime/clock.ts';
import { createLogger } from '../../../runtime/logger.ts';
import type { DeadLetter } from '../../../schemas/records.ts';
import { openSnowflakeSession, type SnowflakeSession } from '../../../warehouse/snowflake/session.ts';
import { openSnowflakeWarehouse } from '../../../warehouse/snowflake/warehouse.ts';
import { MemorySink } from '../kafka/memory-sink.ts';
import { topics as rawTopics } from '../kafka/topics.ts';
import { auditBronze, nothingWrong } from './audit.ts';
import { SnowflakeEmulator } from './emulator.ts';
import { makeDatabase } from './fixture.ts';
import { SnowflakeProxy } from './proxy.ts';
import type { EndlessTopics } from './topics.ts';

interface LoaderSetUp {
  /** The number of rows from which a flush uses a file. @default never */
  readonly copyFrom?: number;
  /** @default 20 */
  readonly maxRows?: number;
  readonly maxBytes?: number;
  readonly timeoutMs?: number;
}

interface FixtureOptions {
  /** How long a client that is disconnected during a transaction blocks others. On Snowflake, it is five minutes. */
  readonly abortIdleBlockerSeconds: number;
  /** @default longer than a loader waits */
  readonly lateMs?: number;
}

/** A running loader. */
export interface Loading {
  /** Resolves when it has loaded everything up to the topics' ends; rejects with its error. */
  readonly ended: Promise<void>;
  readonly flushes: () => number;
  /** The number of rows that it has loaded itself. */
  readonly rows: () => number;
  /** How often the warehouse was unreachable for it. */
  readonly failures: () => number;
}

/** Longer than any statement takes, and no longer than a test waits for a lost statement. */
const usualTimeoutMs = 1_000;

/** The emulator. Each test has its own proxy in front of it and its own database. */
export class SnowflakeFixture implements AsyncDisposable {
  readonly emulator: SnowflakeEmulator;
  readonly #lateMs: number;
  #proxy: SnowflakeProxy;
  #databases = 0;

  private constructor(emulator: SnowflakeEmulator, proxy: SnowflakeProxy, lateMs: number) {
    this.emulator = emulator;
    this.#proxy = proxy;
    this.#lateMs = lateMs;
  }

  get proxy(): SnowflakeProxy {
    return this.#proxy;
  }

  static async open({
    abortIdleBlockerSeconds,
    lateMs = 1.5 * usualTimeoutMs,
  }: FixtureOptions): Promise<SnowflakeFixture> {
    const emulator = await SnowflakeEmulator.start({ abortIdleBlockerSeconds });
    return new SnowflakeFixture(emulator, await SnowflakeProxy.start(emulator.url, { lateMs }), lateMs);
  }

  /** An empty BRONZE, no faults, and no recorded injections. */
  async recreate(): Promise<void> {
    this.#databases += 1;
    // On a different port: an abandoned driver may still request a lost reply, and would get the fault meant for the loader.
    await this.#proxy[Symbol.asyncDispose]();
    this.#proxy = await SnowflakeProxy.start(this.emulator.url, { lateMs: this.#lateMs });
    await makeDatabase(this.#options(this.emulator.url).settings);
    await using warehouse = await openSnowflakeWarehouse(this.#options(this.emulator.url));
    await warehouse.migrate();
  }

  /** Starts the loader of the product, with its warehouse behind the proxy. */
  start(topics: EndlessTopics, { copyFrom = Number.POSITIVE_INFINITY, ...setUp }: LoaderSetUp = {}): Loading {
    let [flushes, rows, failures] = [0, 0, 0];
    const run = async () => {
      await using warehouse = await openSnowflakeWarehouse({
        ...this.#options(this.proxy.url, setUp.timeoutMs ?? usualTimeoutMs),
        copyFrom,
      });
      const ports = {
        ...{ source: topics.source(), warehouse, clusterId: 'cluster', clock: systemClock },
        topics: rawTopics,
        deadLetters: new MemorySink<DeadLetter>(),
        // Retries soon.
        random: () => 0.05,
        log: createLogger('silent', []),
        onLoaded: (flush: Flush) => {
          flushes += 1;
          rows += flush.rows;
        },
        onAvailable: (isAvailable: boolean) => {
          if (!isAvailable) failures += 1;
        },
      };
      const limits = { maxRows: setUp.maxRows ?? 20, maxBytes: setUp.maxBytes ?? 1_000_000, maxAgeMs: 100 };
      await runLoader(ports, { limits, signal: new AbortController().signal, until: topics.ends });
    };
    const ended = run();
    ended.catch(() => {});
    return { ended, flushes: () => flushes, rows: () => rows, failures: () => failures };
  }

  /** Opens a session without the proxy. The caller closes it. */
  session(): Promise<SnowflakeSession> {
    return openSnowflakeSession(this.#options(this.emulator.url));
  }

  /** @throws Error that shows the faults of BRONZE and its ledger. @returns their contents. */
  async audit(ends: ReadonlyMap<string, Offsets>, padding = ''): Promise<{ rows: number; batches: number }> {
    await this.proxy.quiet();
    await using session = await this.session();
    const { findings, ...counted } = await auditBronze(session, ends, padding);
    if (JSON.stringify(findings) !== JSON.stringify(nothingWrong)) {
      throw new Error(`BRONZE differs from the topics: ${JSON.stringify(findings, null, 2)}`);
    }
    return counted;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy[Symbol.asyncDispose]();
    await this.emulator[Symbol.asyncDispose]();
  }

  #options(url: string, timeoutMs = 20_000) {
    const settings = this.emulator.settings({ database: `FAULTS_${this.#databases}`, url, timeoutMs });
    return { settings, clock: systemClock, stage: 'load' };
  }
}
