/**
 * A process that loads a batch into the DuckDB file of its first argument and closes the file, which writes the batch from
 * the log into the file proper, again and again until it is killed. A line says `closing`, and one `closed`.
 */
import { systemClock } from '../../../lib/clock.ts';
import { openDuckDbWarehouse } from '../../../lib/warehouse/duckdb/warehouse.ts';

const [, , path = ''] = process.argv;
const partition = { clusterId: 'cluster', topic: 'tmdb.raw-movies', topicId: 'topic', partition: 0 };

for (;;) {
  const warehouse = await openDuckDbWarehouse({ path, lockWaitMs: 30_000, clock: systemClock });
  await warehouse.migrate();
  const next = (await warehouse.positions(partition)).get(0) ?? 0n;
  const rows = Array.from({ length: 2_000 }, (_, index) => ({
    kafkaOffset: next + BigInt(index),
    movieId: index + 1,
    // Nothing that packs well: a checkpoint is to take a while.
    body: Buffer.from(JSON.stringify({ id: index + 1, overview: Array.from({ length: 100 }, Math.random).join() })),
    sourceUrl: 'https://api.themoviedb.org/3/movie/1',
    httpStatus: 200,
    fetchedAt: new Date(),
  }));
  await warehouse.append([{ table: 'raw_movies', partition, firstOffset: next, nextOffset: next + 2_000n, rows }]);
  process.stdout.write('closing\n');
  await warehouse[Symbol.asyncDispose]();
  process.stdout.write('closed\n');
}
