import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createAdmin } from '../../../lib/kafka/admin.ts';
import { topics } from '../../../schemas/topics.ts';
import { commitAs } from '../../support/kafka/broker.ts';
import { plainClient } from '../../support/kafka/client.ts';
import { ThreeBrokers } from '../../support/kafka/three-brokers.ts';
import { until } from '../../support/processes/fleet.ts';

let dataDir: string;
let cluster: ThreeBrokers;

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'tmdb-stream-three-'));
  cluster = await ThreeBrokers.start(dataDir);
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  rmSync(dataDir, { recursive: true });
});

it('elects another leader and another coordinator when a broker is killed, and takes the broker back', async () => {
  const kafka = plainClient(cluster.addresses);
  {
    await using admin = await createAdmin(kafka);
    await admin.ensureTopics({ partitions: 3, replicationFactor: 3, rawRetentionMs: 15_552_000_000 });
  }
  await commitAs(kafka, 'a-group', topics.movieIds, 0, 0n);
  await cluster.untilInSync([topics.movieIds, '__consumer_offsets']);
  const [coordinator, leader] = [await cluster.coordinatorOf('a-group'), await cluster.leaderOf(topics.movieIds)];
  expect([0, 1, 2]).toContain(coordinator);
  expect([0, 1, 2]).toContain(leader);
  await cluster.kill(coordinator ?? 0);
  expect(cluster.running).toHaveLength(2);
  const moved = async () => ![coordinator, null].includes(await cluster.coordinatorOf('a-group'));
  await until('another coordinator', moved, { timeoutMs: 30_000 });
  await cluster.startOne(coordinator ?? 0);
  await cluster.untilInSync([topics.movieIds, '__consumer_offsets']);
});
