import { runLoader } from '../../../consumers/loader.ts';
import type { SharedTopics } from '../../../consumers/other-loaders.ts';
import { KafkaError } from '../../../kafka/errors.ts';
import type { Offsets } from '../../../kafka/topic.ts';
import { createLogger } from '../../../runtime/logger.ts';
import type { DeadLetter } from '../../../schemas/records.ts';
import { type Warehouse, WarehouseUnavailableError } from '../../../warehouse/warehouse.ts';
import { ManualClock } from '../clock/manual-clock.ts';
import { memoryTopicId } from '../kafka/memory-partition-source.ts';
import { MemorySink } from '../kafka/memory-sink.ts';
import { topics } from '../kafka/topics.ts';
import { MemoryWarehouse } from '../warehouse/memory-warehouse.ts';
import { ScriptedSource } from './scripted-source.ts';
import { type Partition, TopicLog } from './topic-log.ts';
import { type Port, Wire } from './wire.ts';

const log = createLogger('silent', []);
const clusterId = 'cluster';

/** One loader process, until it ends or is killed. */
export interface Loader {
  readonly source: ScriptedSource;
  readonly clock: ManualClock;
  /** Tells it to stop. */
  readonly stop: AbortController;
  isAlive: boolean;
}

export interface LoaderSettings {
  readonly maxRows: number;
  /** Whether it ends once all present records are loaded. */
  readonly endsByItself: boolean;
}

/** Topics, a warehouse and dead letters that several loaders share, and all calls that are on their way between them. */
export class World {
  readonly log = new TopicLog([
    [topics.rawMovies.name, 0],
    [topics.rawMovies.name, 1],
    [topics.rawGenres.name, 0],
  ]);
  readonly warehouse = new MemoryWarehouse();
  readonly deadLetters = new MemorySink<DeadLetter>();
  /** The highest offset committed to Kafka, by `topic/partition`. */
  readonly hints = new Map<string, bigint>();
  /** Errors with which loaders ended although they must not. */
  readonly deaths: unknown[] = [];
  readonly wire = new Wire();
  #loaders: Loader[] = [];

  get loaders(): readonly Loader[] {
    return this.#loaders.filter(({ isAlive }) => isAlive);
  }

  start({ maxRows, endsByItself }: LoaderSettings): Loader {
    const loader: Loader = {
      source: new ScriptedSource(this.log, (topic, next) => this.#send(loader, 'hint', () => this.#hint(topic, next))),
      clock: new ManualClock(),
      stop: new AbortController(),
      isAlive: true,
    };
    const { source, clock, stop } = loader;
    this.#loaders.push(loader);
    runLoader(
      {
        ...{ source, clock, log, clusterId, topics },
        warehouse: this.#warehouseOf(loader),
        deadLetters: {
          publish: (records) => this.#send(loader, 'publish', () => this.deadLetters.publish(records)),
          [Symbol.asyncDispose]: async () => {},
        },
        random: () => 0.5,
        shared: this.#shared(),
      },
      {
        limits: { maxRows, maxBytes: 1_000_000, maxAgeMs: 1_000 },
        signal: stop.signal,
        ...(endsByItself && { until: Promise.resolve(this.#ends()) }),
      },
    )
      .catch((error) => {
        if (!mayEndWith(error, stop.signal)) this.deaths.push(error);
      })
      .finally(() => this.kill(loader));
    for (const partition of this.log.partitions) source.assign(...partition);
    return loader;
  }

  /** Kills it: calls that it has sent may arrive, but it sends and receives nothing more. */
  kill(loader: Loader): void {
    loader.isAlive = false;
  }

  async position([topic, partition]: Partition): Promise<bigint | undefined> {
    return (await this.warehouse.positions({ clusterId, topic, topicId: memoryTopicId })).get(partition);
  }

  #send<T>(sender: Loader, port: Port, effect: () => Promise<T>): Promise<T> {
    return this.wire.send({ sender, port, effect, failure: failureOf[port] });
  }

  #warehouseOf(loader: Loader): Warehouse {
    return {
      migrate: async () => {},
      positions: (topic) => this.#send(loader, 'positions', () => this.warehouse.positions(topic)),
      append: (batches) => this.#send(loader, 'append', () => this.warehouse.append(batches)),
      [Symbol.asyncDispose]: async () => {},
    };
  }

  async #hint(topic: string, next: Offsets): Promise<void> {
    for (const [partition, offset] of next) {
      const key = `${topic}/${partition}`;
      if (offset > (this.hints.get(key) ?? 0n)) this.hints.set(key, offset);
    }
  }

  #shared(): SharedTopics {
    return {
      look: async (topic) => ({ topicId: memoryTopicId, low: new Map(), high: this.#ends().get(topic) ?? new Map() }),
      owners: async () => new Map(),
      onWaiting: () => {},
    };
  }

  #ends(): Map<string, Offsets> {
    const ends = new Map<string, Map<number, bigint>>();
    for (const [topic, partition] of this.log.partitions) {
      const ofTopic = ends.get(topic) ?? new Map<number, bigint>();
      ends.set(topic, ofTopic.set(partition, this.log.end(topic, partition)));
    }
    return ends;
  }
}

/** Only two errors may end a loader: Kafka stays unreachable, or the warehouse is unreachable and there is no time to wait. */
const mayEndWith = (error: unknown, stop: AbortSignal): boolean =>
  error instanceof KafkaError || (error instanceof WarehouseUnavailableError && stop.aborted);

const noWarehouse = () => new WarehouseUnavailableError('out of reach');
const noKafka = () => new KafkaError('out of reach');
const failureOf: Record<Port, () => Error> = {
  append: noWarehouse,
  positions: noWarehouse,
  publish: noKafka,
  hint: noKafka,
};
