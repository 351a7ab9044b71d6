import { expect, it } from 'vitest';
import { runLoader } from '../../consumers/loader.ts';
import type { Logger } from '../../runtime/logger.ts';
import { rawMovieCodec } from '../../schemas/codecs.ts';
import { WarehouseUnavailableError } from '../../warehouse/warehouse.ts';
import { ManualClock } from '../support/clock/manual-clock.ts';
import { MemoryPartitionSource } from '../support/kafka/memory-partition-source.ts';
import { MemorySink } from '../support/kafka/memory-sink.ts';
import { topics } from '../support/kafka/topics.ts';
import { MemoryWarehouse } from '../support/warehouse/memory-warehouse.ts';

/** A warehouse that refuses every batch, and records the times of the attempts. */
class ClosedWarehouse extends MemoryWarehouse {
  readonly triedAt: number[] = [];
  readonly #clock: ManualClock;

  constructor(clock: ManualClock) {
    super();
    this.#clock = clock;
  }

  override async append(): Promise<number> {
    this.triedAt.push(this.#clock.monotonic());
    throw new WarehouseUnavailableError('closed');
  }
}

it('[R9] a batch that fails repeatedly is retried with growing delays, and ends the loader after minutes', async () => {
  const clock = new ManualClock();
  const warehouse = new ClosedWarehouse(clock);
  const source = new MemoryPartitionSource();
  const value = {
    movieId: 5,
    sourceUrl: 'x',
    httpStatus: 200,
    fetchedAt: new Date(clock.now()),
    body: Buffer.from('{"id":5}'),
  };
  source.append(topics.rawMovies.name, 0, [rawMovieCodec.encode(value)]);
  let lines = 0;
  const note = () => {
    lines += 1;
  };
  const failure = runLoader(
    {
      ...{ source, warehouse, deadLetters: new MemorySink(), clusterId: 'cluster', clock, random: () => 0.5 },
      topics,
      log: { debug: note, info: note, warn: note, error: note } as unknown as Logger,
    },
    { limits: { maxRows: 1, maxBytes: 1_000_000, maxAgeMs: 1_000 }, signal: new AbortController().signal },
  ).catch((error: unknown) => error);
  await clock.advance(30_000);
  const early = warehouse.triedAt.length;
  await clock.advance(3_600_000);
  expect(await failure).toBeInstanceOf(WarehouseUnavailableError);
  const minutes = (warehouse.triedAt.at(-1) ?? 0) / 60_000;
  console.info(`${early} tries in 30 s, ${warehouse.triedAt.length} in ${minutes.toFixed(1)} min, ${lines} log lines`);
  expect(early).toBeLessThan(25);
  expect(warehouse.triedAt.length).toBeLessThanOrEqual(120);
  expect(minutes).toBeGreaterThan(5);
  expect(lines).toBeLessThanOrEqual(warehouse.triedAt.length * 2);
});
