/** A process that loads batches into the DuckDB file of its first argument until it is killed. Prints a line for each batch. */
import { systemClock } from '../../../runtime/clock.ts';
import { openDuckDbWarehouse } from '../../../warehouse/duckdb/warehouse.ts';

const warehouse = await openDuckDbWarehouse({ path: process.argv[2] ?? '', lockWaitMs: 30_000, clock: systemClock });
await warehouse.migrate();
const partition = { clusterId: 'cluster', topic: 'tmdb.raw-movies', topicId: 'topic', partition: 0 };
let next = (await warehouse.positions(partition)).get(0) ?? 0n;
for (;;) {
  const rows = Array.from({ length: 3_000 }, (_, index) => ({
    kafkaOffset: next + BigInt(index),
    movieId: index + 1,
    body: Buffer.from(JSON.stringify({ id: index + 1, overview: 'x'.repeat(500) })),
    sourceUrl: 'https://api.themoviedb.org/3/movie/1',
    httpStatus: 200,
    fetchedAt: new Date(),
  }));
  await warehouse.append([{ table: 'raw_movies', partition, firstOffset: next, nextOffset: next + 3_000n, rows }]);
  next += 3_000n;
  process.stdout.write(`${next}\n`);
}
