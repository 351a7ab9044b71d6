/**
 * A process that replays `tmdb.raw-movies` into a new file whenever it is told to, with the real stage, source and
 * warehouse. It is one of its own so that the yardstick's rows do not lie in its heap.
 */
import { runBronzeLoader } from '../../consumers/bronze-loader.ts';
import { systemClock } from '../../lib/clock.ts';
import { createAdmin } from '../../lib/kafka/admin.ts';
import { createKafka } from '../../lib/kafka/client.ts';
import { createPartitionSource } from '../../lib/kafka/partition-source.ts';
import { connectProducer } from '../../lib/kafka/sink.ts';
import { createLogger } from '../../lib/logger.ts';
import { openDuckDbWarehouse } from '../../lib/warehouse/duckdb/warehouse.ts';
import { deadLetterCodec, rawGenresCodec, rawMovieCodec } from '../../schemas/codecs.ts';
import { topics } from '../../schemas/topics.ts';

/** What the parent sends. */
export interface ReplayRequest {
  readonly brokers: readonly string[];
  /** A file that is not there yet. */
  readonly path: string;
  /** A consumer group that is not there yet. */
  readonly group: string;
  readonly batchRows: number;
}

/** What it gets back: from joining the group to the last commit, and how much of it passed before the first record. */
export interface ReplayResult {
  readonly seconds: number;
  readonly joinSeconds: number;
}

const log = createLogger('warn', []);

async function replay({ brokers, path, group, batchRows }: ReplayRequest): Promise<ReplayResult> {
  const kafka = createKafka({ brokers, ssl: false, sasl: undefined, clientId: group, log });
  await using admin = await createAdmin(kafka);
  await using producer = await connectProducer(kafka);
  await using warehouse = await openDuckDbWarehouse({ path, lockWaitMs: 0, clock: systemClock });
  await warehouse.migrate();
  const source = createPartitionSource({ kafka, group, topics: [topics.rawMovies] });
  const clusterId = await admin.clusterId();
  const ends = new Map([[topics.rawMovies, (await admin.topicOffsets(topics.rawMovies)).high]]);
  const started = performance.now();
  let firstRecordAt: number | undefined;
  let lastCommitAt = started;
  const movieCodec = {
    ...rawMovieCodec,
    decode: (bytes: Buffer) => {
      firstRecordAt ??= performance.now();
      return rawMovieCodec.decode(bytes);
    },
  };
  const ports = {
    ...{ source, warehouse, clusterId, movieCodec, genresCodec: rawGenresCodec, log },
    deadLetters: producer.sink(topics.deadLetters, deadLetterCodec),
    clock: systemClock,
    random: Math.random,
    onLoaded: () => {
      lastCommitAt = performance.now();
    },
  };
  const limits = { maxRows: batchRows, maxBytes: 64_000_000, maxAgeMs: 1_000 };
  await runBronzeLoader(ports, { limits, signal: new AbortController().signal, until: Promise.resolve(ends) });
  const seconds = (from: number, to: number) => (to - from) / 1_000;
  return { seconds: seconds(started, lastCommitAt), joinSeconds: seconds(started, firstRecordAt ?? started) };
}

process.on('message', (request: ReplayRequest) => {
  replay(request).then(
    (result) => process.send?.(result),
    (error) => {
      log.error(error);
      process.exit(1);
    },
  );
});
