import { afterEach, describe, expect, it } from 'vitest';
import { SupervisedService } from '../support/processes/supervised-service.ts';
import { ThreeBrokerBed } from '../support/processes/three-broker-bed.ts';
import { seededRandom } from '../support/warehouse/seeded-random.ts';

/** The duration of the faults in minutes; 0 skips the test. */
const minutes = Number(process.env['BROKER_CHAOS_MINUTES'] ?? 0);
const seed = Number(process.env['FAULT_SEED'] ?? Date.now() % 100_000);
const perSecond = 8;
/** A page of the popular list has 20 movies, and the list 500 pages. */
const movies = Math.min(10_000, Math.ceil(minutes * 3 * perSecond) * 20);
/** The level of a warning in a line of the log. */
const warn = 40;

let bed: ThreeBrokerBed;
afterEach(() => bed?.[Symbol.asyncDispose]());

const loudLines = (services: readonly SupervisedService[]) =>
  services.flatMap(({ service }) => service.lines.filter(({ level }) => Number(level) > warn));

/** What happens to one broker. The other two run meanwhile. */
const faults = {
  killed: async (index: number) => {
    await bed.cluster.kill(index);
    await bed.untilFetched(3 * perSecond);
    await bed.cluster.startOne(index);
  },
  'back with an empty disk': async (index: number) => {
    await bed.cluster.loseDisk(index);
    await bed.untilFetched(3 * perSecond);
    await bed.cluster.startOne(index);
  },
  suspended: async (index: number) => {
    bed.cluster.pause(index);
    await bed.untilFetched(3 * perSecond).finally(() => bed.cluster.resume(index));
  },
  restarted: async (index: number) => {
    await bed.cluster.stop(index);
    await bed.cluster.startOne(index);
  },
};

describe.runIf(minutes > 0)('a cluster of three brokers', () => {
  it(`[R109 R110] with one fault after the other for ${minutes} min (seed ${seed}): nothing is lost or doubled, no process ends, the limit holds`, {
    // Ids are published before the faults, and the rest is fetched after them.
    timeout: (minutes + 20) * 60_000,
  }, async () => {
    bed = await ThreeBrokerBed.open(movies, perSecond);
    const services = [
      new SupervisedService(bed.fleet, 'fetcher', ['fetch']),
      new SupervisedService(bed.fleet, 'loader', ['load']),
    ];
    await bed.untilFetched(perSecond);
    await bed.untilInSync();

    // A rolling restart, as for an update of the brokers.
    for (const index of [0, 1, 2]) {
      await faults.restarted(index);
      await bed.untilInSync();
    }
    expect(loudLines(services)).toEqual([]);

    const random = seededRandom(seed);
    const names = Object.keys(faults) as (keyof typeof faults)[];
    const counts = new Map<string, number>();
    const until = performance.now() + minutes * 60_000;
    while (performance.now() < until && bed.requests < movies - 10 * perSecond) {
      const index = Math.floor(random() * 3);
      // Each fault once, then in random order.
      const name = names[counts.size] ?? names[Math.floor(random() * names.length)] ?? 'killed';
      await faults[name](index);
      counts.set(name, (counts.get(name) ?? 0) + 1);
      await bed.untilInSync();
    }
    const found = await bed.allLoaded(services);
    const { refused, maxInAnyWindow } = bed.limit;
    process.stdout.write(
      `${JSON.stringify(Object.fromEntries(counts))}; ${movies} ids, ${bed.requestsPerId.toFixed(3)} requests per id, ` +
        `most in any window ${maxInAnyWindow} of ${perSecond}\n`,
    );
    expect([...counts.keys()].toSorted()).toEqual(names.toSorted());
    expect(services.flatMap(({ deaths }) => deaths)).toEqual([]);
    expect(found).toMatchObject({ ids: movies, parked: 0 });
    expect(await bed.doubles()).toBe(0);
    expect(refused).toBe(0);
    expect(maxInAnyWindow).toBeLessThanOrEqual(perSecond);
  });
});
