import type { Admin } from 'kafkajs';
import { expect } from 'vitest';
import { withAdmin } from '../kafka/broker.ts';
import { plainClient } from '../kafka/client.ts';
import { type Service, until } from './fleet.ts';
import type { SupervisedService } from './supervised-service.ts';
import type { TestBed } from './test-bed.ts';

export interface RunningServices {
  /** The services that publish new ids. The first one walks the popular list. */
  readonly producers: readonly [SupervisedService, ...SupervisedService[]];
  readonly others: readonly SupervisedService[];
}

/**
 * Ends a fleet in order: one more walk, then the producers stop; the services fetch every id and load every answer, and are then
 * drained; dbt runs a last time if the fleet has a scheduler.
 * @returns the number of ids ever published. @throws Error if a step takes longer than `timeoutMs`.
 */
export async function untilDrained(
  bed: TestBed,
  { producers, others }: RunningServices,
  timeoutMs = 240_000,
): Promise<number> {
  const walks = ({ lines }: Service) => lines.filter(({ msg }) => msg === 'walked the popular list').length;
  const [{ service: producer }] = producers;
  const before = walks(producer);
  // Each partition gets a new record, so a live member commits the last batch of each.
  await until('the producer completes another walk', () => walks(producer) > before, { timeoutMs });
  await end(producers);
  const published = await caughtUp(bed.broker.address, timeoutMs);
  const built = ({ service: { lines } }: SupervisedService) =>
    lines.findLast(({ msg }) => msg === 'dbt ran' || msg === 'dbt failed')?.msg === 'dbt ran';
  const schedulers = others.filter(({ name }) => name === 'scheduler');
  await until('dbt succeeded', () => schedulers.every(built), { timeoutMs });
  await end(others);
  await bed.run('load', '--once');
  if (schedulers.length > 0) await bed.run('transform');
  return published;
}

async function end(services: readonly SupervisedService[]): Promise<void> {
  await Promise.all(
    services.map(async (supervised) => expect(await supervised.end(), supervised.service.tail()).toBe(0)),
  );
}

/** Waits until each group has committed the ends of its topic. @returns the number of ids ever published. */
export async function caughtUp(broker: string, timeoutMs: number): Promise<number> {
  return withAdmin(plainClient([broker]), async (admin) => {
    for (const [groupId, topic] of [
      ['tmdb.fetcher', 'tmdb.movie-ids'],
      ['tmdb.loader', 'tmdb.raw-movies'],
    ] as const) {
      await until(`${groupId} has no lag`, async () => (await lagOf(admin, groupId, topic)) === 0n, { timeoutMs });
    }
    const offsets = await admin.fetchTopicOffsets('tmdb.movie-ids');
    return offsets.reduce((sum, { high }) => sum + Number(high), 0);
  });
}

async function lagOf(admin: Admin, groupId: string, topic: string): Promise<bigint> {
  const [ends, [group]] = await Promise.all([
    admin.fetchTopicOffsets(topic),
    admin.fetchOffsets({ groupId, topics: [topic] }),
  ]);
  const committed = new Map(group?.partitions.map(({ partition, offset }) => [partition, BigInt(offset)]));
  return ends.reduce((sum, { partition, high }) => {
    const position = committed.get(partition) ?? 0n;
    return sum + BigInt(high) - (position > 0n ? position : 0n);
  }, 0n);
}
