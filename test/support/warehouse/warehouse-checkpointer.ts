/**
 * A process that repeatedly loads a batch into the DuckDB file of its first argument and closes the file, which writes the batch
 * from the log into the file. It kills itself in the middle of such a checkpoint: after the number of changes of the file that its
 * second argument gives. It prints `closing` and `closed`.
 */
import { statSync } from 'node:fs';
import { systemClock } from '../../../runtime/clock.ts';
import { openDuckDbWarehouse } from '../../../warehouse/duckdb/warehouse.ts';

const [, , path = '', changes = '1'] = process.argv;
const partition = { clusterId: 'cluster', topic: 'tmdb.raw-movies', topicId: 'topic', partition: 0 };

/** Kills this process at the n-th change of the file; the checkpoint runs on another thread. @returns a function that ends the check. */
function dieWhenWritten(n: number): () => void {
  const stampOf = () => {
    const { size, mtimeNs } = statSync(path, { bigint: true });
    return `${size} ${mtimeNs}`;
  };
  let [last, seen, hasEnded] = [stampOf(), 0, false];
  const look = () => {
    if (hasEnded) return;
    const now = stampOf();
    if (now !== last) seen += 1;
    last = now;
    if (seen >= n) process.kill(process.pid, 'SIGKILL');
    setImmediate(look);
  };
  look();
  return () => {
    hasEnded = true;
  };
}

for (;;) {
  const warehouse = await openDuckDbWarehouse({ path, lockWaitMs: 30_000, clock: systemClock });
  await warehouse.migrate();
  const next = (await warehouse.positions(partition)).get(0) ?? 0n;
  const rows = Array.from({ length: 2_000 }, (_, index) => ({
    kafkaOffset: next + BigInt(index),
    movieId: index + 1,
    // Random data does not compress well, so a checkpoint takes a while.
    body: Buffer.from(JSON.stringify({ id: index + 1, overview: Array.from({ length: 100 }, Math.random).join() })),
    sourceUrl: 'https://api.themoviedb.org/3/movie/1',
    httpStatus: 200,
    fetchedAt: new Date(),
  }));
  await warehouse.append([{ table: 'raw_movies', partition, firstOffset: next, nextOffset: next + 2_000n, rows }]);
  process.stdout.write('closing\n');
  const stopLooking = dieWhenWritten(Number(changes));
  await warehouse[Symbol.asyncDispose]();
  stopLooking();
  process.stdout.write('closed\n');
}
