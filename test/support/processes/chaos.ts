import { setTimeout as delay } from 'node:timers/promises';
import { withAdmin } from '../kafka/broker.ts';
import { plainClient } from '../kafka/client.ts';
import type { FaultProxy } from '../network/fault-proxy.ts';
import { blackHole, latency, limitData, resetPeer } from '../network/toxics.ts';
import { dbtOf } from './stages-under-kills.ts';
import { SupervisedService } from './supervised-service.ts';
import type { TestBed } from './test-bed.ts';

/** A source of random faults. */
export interface ChaosSource {
  readonly name: string;
  /** How often it had an effect. A source that never had one shows nothing. */
  fired: number;
  /** Resolves when it has ended. @returns whether it had an effect. */
  inject(random: () => number): Promise<boolean>;
}

export interface ChaosTargets {
  /** May be killed. */
  readonly mortal: SupervisedService;
  /** May be suspended for longer than its session lasts, and then resumed. */
  readonly zombies: readonly SupervisedService[];
  readonly scheduler: SupervisedService;
  readonly sessionMs: number;
  /** The proxy between all services and the broker. */
  readonly proxy: FaultProxy;
}

/** A topic that grew too often would have more partitions than records. */
const mostAdded = 4;

const toxics = [() => latency(500, 250), resetPeer, () => limitData(50_000), () => blackHole()];

const oneOf = <T>(all: readonly T[], random: () => number): T | undefined => all[Math.floor(random() * all.length)];

export function chaosOn(bed: TestBed, { mortal, zombies, scheduler, sessionMs, proxy }: ChaosTargets): ChaosSource[] {
  const source = (name: string, inject: (random: () => number) => Promise<unknown>): ChaosSource => ({
    name,
    fired: 0,
    inject: async (random) => (await inject(random)) !== false,
  });
  let added = 0;
  return [
    source('loader killed', () => mortal.kill()),
    source('member stopped', async (random) => {
      await oneOf(zombies, random)?.stopFor(sessionMs * (1.5 + random()));
    }),
    source('fetcher joined and left', async (random) => {
      const extra = new SupervisedService(bed.fleet, 'extra', ['fetch']);
      await delay(4_000 + random() * 4_000);
      return (await extra.end()) === 0;
    }),
    source('broker restarted', async (random) => {
      await bed.broker.stop(random() < 0.5);
      await bed.broker.start();
    }),
    source('network fault', async (random) => {
      const toxic = oneOf(toxics, random)?.();
      if (toxic) await proxy.during(toxic, () => delay(2_000 + random() * 4_000));
    }),
    source('token store restarted', async (random) => {
      await bed.redis.kill();
      await delay(random() * 2_000);
      await bed.redis.start();
    }),
    source('dbt killed', async () => {
      const dbt = dbtOf(scheduler.service);
      return dbt !== 0 && process.kill(dbt, 'SIGKILL');
    }),
    source('partition added', async (random) => {
      if (added >= mostAdded) return false;
      await addPartition(bed, random() < 0.5 ? 'tmdb.movie-ids' : 'tmdb.raw-movies');
      added += 1;
      return true;
    }),
    source('TMDb fault', async (random) => {
      const faultyBefore = bed.sandbox.stats().faulty;
      bed.sandbox.setFaults([
        { kind: 'status', status: 503, rate: 0.2 },
        { kind: 'drop', rate: 0.05 },
        { kind: 'delay', ms: 1_000, rate: 0.2 },
      ]);
      await delay(3_000 + random() * 5_000);
      bed.sandbox.setFaults([]);
      return bed.sandbox.stats().faulty > faultyBefore;
    }),
  ];
}

async function addPartition({ broker }: TestBed, topic: string): Promise<void> {
  await withAdmin(plainClient([broker.address]), async (admin) => {
    const count = (await admin.fetchTopicOffsets(topic)).length + 1;
    await admin.createPartitions({ topicPartitions: [{ topic, count }] });
  });
}

/** Minimum and maximum milliseconds between the end of a fault and the next one. */
const pauseMs = [3_000, 12_000] as const;

/**
 * Injects the faults one after the other at random moments until `endsAt` (monotonic ms). Each fault occurs once before any
 * repeats. @param onInject is called before each fault. @throws the error of a source.
 */
export async function injectUntil(
  endsAt: number,
  sources: readonly ChaosSource[],
  random: () => number,
  onInject: (name: string) => void,
): Promise<void> {
  const deck: ChaosSource[] = [];
  for (;;) {
    const [least, most] = pauseMs;
    const [waitMs, leftMs] = [least + random() * (most - least), endsAt - performance.now()];
    await delay(Math.max(0, Math.min(waitMs, leftMs)));
    if (waitMs >= leftMs) return;
    if (deck.length === 0) deck.push(...sources);
    const [next] = deck.splice(Math.floor(random() * deck.length), 1);
    if (!next) continue;
    onInject(next.name);
    if (await next.inject(random)) next.fired += 1;
  }
}
