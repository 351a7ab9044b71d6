import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Partitioners } from 'kafkajs';
import { createAdmin } from '../../kafka/admin.ts';
import { createKafka, type Kafka } from '../../kafka/client.ts';
import { createLogger } from '../../runtime/logger.ts';
import { movieIdCodec } from '../../schemas/codecs.ts';
import { topics } from '../../test/support/kafka/topics.ts';
import { FleetBroker } from '../../test/support/processes/fleet.ts';

export const partitions = 4;

/** A folder and a broker with our topics, for a measured fleet. */
export interface Fixture extends AsyncDisposable {
  readonly folder: string;
  readonly brokers: string;
  /** Publishes ids to `tmdb.movie-ids`, distributed over the first `busy` partitions. */
  publish(movieIds: readonly number[], busy?: number): Promise<void>;
}

export async function openFixture(): Promise<Fixture> {
  const resources = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-bench-'));
  resources.defer(() => rmSync(folder, { recursive: true, force: true }));
  const broker = resources.use(await FleetBroker.start(join(folder, 'kafka')));
  const log = createLogger('error', []);
  const kafka = createKafka({ brokers: [broker.address], ssl: false, sasl: undefined, clientId: 'bench', topics, log });
  {
    await using admin = createAdmin(kafka);
    await admin.ensureTopics({
      partitions,
      replicationFactor: 1,
      rawRetentionMs: 15_552_000_000,
      maxBodyBytes: 4_000_000,
    });
  }
  const publish = await openPublisher(kafka, resources);
  return { folder, brokers: broker.address, publish, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

async function openPublisher(kafka: Kafka, resources: AsyncDisposableStack): Promise<Fixture['publish']> {
  const producer = kafka.producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  resources.defer(() => producer.disconnect());
  let next = 0;
  return async (movieIds, busy = partitions) => {
    const messages = movieIds.map((movieId) => {
      const value = movieIdCodec.encode({ movieId, reason: 'manual', page: null, rank: null, requestedAt: new Date() });
      return { key: String(movieId), value, partition: next++ % busy };
    });
    await producer.send({ topic: topics.movieIds.name, messages });
  };
}
