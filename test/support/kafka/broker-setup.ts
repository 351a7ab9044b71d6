import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { TestProject } from 'vitest/node';
import { startLocalBroker } from '../../../kafka/broker/local-broker.ts';
import { plainClient } from './client.ts';
import { keepFormatted } from './formatted-folder.ts';

declare module 'vitest' {
  interface ProvidedContext {
    readonly brokers: string[];
  }
}

export const jarsDir = join(import.meta.dirname, '../../../.tools/kafka');

/**
 * A new broker creates the coordinator of its groups on the first request for one. If a kafkajs consumer asks it while it
 * loads, the consumer restarts itself even after it was stopped, and stays in its group for half a minute.
 */
async function untilGroupsCanBeMade(brokers: readonly string[]): Promise<void> {
  const admin = plainClient(brokers).admin();
  await admin.connect();
  try {
    for (let tries = 1; ; tries += 1) {
      try {
        await admin.describeGroups(['none']);
        return;
      } catch (error) {
        if (tries >= 100) throw error;
        await delay(200);
      }
    }
  } finally {
    await admin.disconnect();
  }
}

/** One broker for all integration tests of a run; KAFKA_BROKERS can name an existing one. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env['KAFKA_BROKERS'];
  if (given) {
    project.provide('brokers', given.split(','));
    return async () => {};
  }
  const dataDir = await mkdtemp(join(tmpdir(), 'tmdb-stream-kafka-'));
  // The cleaner runs at once, so that a test sees the result of compaction.
  const properties = { 'log.cleaner.backoff.ms': '200', 'log.initial.task.delay.ms': '500' };
  const broker = await startLocalBroker({ dataDir, jarsDir, properties, isOpen: true });
  keepFormatted(dataDir, join(dataDir, 'formatted'));
  await untilGroupsCanBeMade(broker.brokers);
  project.provide('brokers', [...broker.brokers]);
  return async () => {
    await broker[Symbol.asyncDispose]();
    await rm(dataDir, { recursive: true, force: true });
  };
}
