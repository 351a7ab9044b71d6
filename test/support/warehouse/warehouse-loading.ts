import { runLoader } from '../../../consumers/loader.ts';
import { endsOf } from '../../../pipeline/stages.ts';
import type { Context } from '../../../platform/context.ts';
import type { Platform } from '../../../platform/platform.ts';
import { systemClock } from '../../../runtime/clock.ts';
import { openDuckDbWarehouse } from '../../../warehouse/duckdb/warehouse.ts';
import { type Batch, type TopicId, type Warehouse, WarehouseUnavailableError } from '../../../warehouse/warehouse.ts';
import { topics } from '../kafka/topics.ts';
import { duckDbOf } from './duckdb-of.ts';

interface LoadingOptions {
  /** The consumer group: two loaders in two groups both have all partitions. */
  readonly group: string;
  /** A replacement of the warehouse for the loader. */
  readonly wrap?: (warehouse: Warehouse) => Warehouse;
}

/** The loader as `load --once` runs it, except for its group and its warehouse. */
export const loading =
  ({ group, wrap = (warehouse) => warehouse }: LoadingOptions) =>
  async (platform: Platform, { config, log, signal }: Context): Promise<void> => {
    const { cluster, clusterId } = await platform.kafka();
    const until = endsOf(platform, [topics.rawMovies]);
    const { duckdbPath: path, lockWaitMs } = duckDbOf(config);
    await using warehouse = await openDuckDbWarehouse({ path, lockWaitMs, clock: systemClock });
    await warehouse.migrate();
    const ports = {
      source: cluster.partitionSource([topics.rawMovies], { group }),
      warehouse: wrap(warehouse),
      ...{ clusterId, topics, log, clock: systemClock },
      deadLetters: cluster.sink(topics.deadLetters),
      random: () => 0.01,
    };
    await runLoader(ports, { limits: config.load, signal, until });
  };

const fates = ['executed', 'lost', 'unanswered', 'late'] as const;
type Fate = (typeof fates)[number];

/** A warehouse behind a connection that loses calls and answers, and executes some calls after the caller gave up. */
export class UnreliableWarehouse implements Warehouse {
  readonly injected: Record<Fate, number> = { executed: 0, lost: 0, unanswered: 0, late: 0 };
  readonly #warehouse: Warehouse;
  readonly #random: () => number;
  /** All outcomes in random order, repeatedly. */
  #next: Fate[] = [];
  #late: (readonly Batch[])[] = [];

  constructor(warehouse: Warehouse, random: () => number) {
    this.#warehouse = warehouse;
    this.#random = random;
  }

  migrate(): Promise<void> {
    return this.#warehouse.migrate();
  }

  positions(topic: TopicId): Promise<ReadonlyMap<number, bigint>> {
    return this.#warehouse.positions(topic);
  }

  async append(batches: readonly Batch[]): Promise<number> {
    const late = this.#late;
    this.#late = [];
    const isLateFirst = this.#random() < 0.5;
    // The second call finds that its offsets are loaded. Late calls have no listener.
    if (isLateFirst) await this.#carryOut(late);
    try {
      return await this.#appendOrNot(batches);
    } finally {
      if (!isLateFirst) await this.#carryOut(late);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #carryOut(calls: readonly (readonly Batch[])[]): Promise<void> {
    for (const batches of calls) await this.#warehouse.append(batches).catch(() => {});
  }

  async #appendOrNot(batches: readonly Batch[]): Promise<number> {
    const fate = this.#draw();
    this.injected[fate] += 1;
    if (fate === 'late') this.#late.push(batches);
    if (fate === 'executed') return this.#warehouse.append(batches);
    if (fate === 'unanswered') await this.#warehouse.append(batches);
    throw new WarehouseUnavailableError(`the call was ${fate}`);
  }

  #draw(): Fate {
    if (this.#next.length === 0) this.#next = [...fates];
    const [fate = 'lost'] = this.#next.splice(Math.floor(this.#random() * this.#next.length), 1);
    return fate;
  }
}
