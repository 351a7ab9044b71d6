import { join } from 'node:path';
import { startLocalBroker } from '../../kafka/broker/local-broker.ts';
import { openKafkaCluster } from '../../kafka/cluster.ts';
import { createLogger } from '../../runtime/logger.ts';
import type { RawMovie } from '../../schemas/records.ts';
import { topics } from '../../test/support/kafka/topics.ts';
import { rawMovies } from './movies.ts';

/** A broker with our topics. */
export interface RawTopic extends AsyncDisposable {
  readonly brokers: string;
  /** Publishes TMDb's answers for `count` different invented movies to `tmdb.raw-movies`. */
  publish(count: number, onMovie?: (movie: RawMovie) => void): Promise<void>;
}

export async function openRawTopic(folder: string, partitions: number): Promise<RawTopic> {
  const resources = new AsyncDisposableStack();
  const jarsDir = join(import.meta.dirname, '../..', '.tools', 'kafka');
  const broker = resources.use(await startLocalBroker({ dataDir: join(folder, 'kafka'), jarsDir, isOpen: true }));
  const log = createLogger('warn', []);
  const connection = { brokers: broker.brokers, ssl: false, sasl: undefined, clientId: 'bench', topics, log };
  const kafka = resources.use(openKafkaCluster(connection));
  await kafka.admin.ensureTopics({
    partitions,
    replicationFactor: 1,
    rawRetentionMs: 12_960_000_000,
    maxBodyBytes: 4_000_000,
  });
  const publish: RawTopic['publish'] = async (count, onMovie = () => {}) => {
    await using sink = kafka.sink(topics.rawMovies);
    let waiting: { readonly key: string; readonly value: RawMovie }[] = [];
    for (const value of rawMovies(count)) {
      onMovie(value);
      waiting.push({ key: String(value.movieId), value });
      if (waiting.length < 2_000) continue;
      await sink.publish(waiting);
      waiting = [];
    }
    await sink.publish(waiting);
  };
  return { brokers: broker.brokers.join(','), publish, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}
