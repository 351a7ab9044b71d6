import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RandomFaults } from '../support/snowflake/chaos.ts';
import { SnowflakeFixture } from '../support/snowflake/loading.ts';
import { EndlessTopics } from '../support/snowflake/topics.ts';
import { seededRandom } from '../support/warehouse/seeded-random.ts';
import { isLongForm } from '../tiers.ts';

const seed = Number(process.env['FAULT_SEED'] ?? Date.now() % 100_000);
/** The number of faults. `npm run test:full` injects more. */
const faults = Number(process.env['FAULT_STATEMENTS'] ?? 8);

describe('under faults between a loader and Snowflake', () => {
  let fixture: SnowflakeFixture;

  beforeAll(async () => {
    fixture = await SnowflakeFixture.open({ abortIdleBlockerSeconds: 1 });
  });
  afterAll(() => fixture[Symbol.asyncDispose]());
  beforeEach(() => fixture.recreate());

  it('[P7 R55] two loaders of the same partitions load everything once, by binds and by files, despite random failures', {
    timeout: 60_000 + faults * 6_000,
  }, async () => {
    const random = seededRandom(seed);
    const chaos = new RandomFaults(random, faults);
    const topics = new EndlessTopics({ chunkSize: 7, isRebalanced: () => random() < 0.02 });
    fixture.proxy.judge = chaos.judge;
    const started = performance.now();
    const loaders = [fixture.start(topics), fixture.start(topics, { copyFrom: 1 })];
    await Promise.race([chaos.over, ...loaders.map(({ ended }) => ended)]);
    topics.end();
    await Promise.all(loaders.map(({ ended }) => ended));
    const { rows, batches } = await fixture.audit(await topics.ends);
    const counts = fixture.proxy.counts();
    process.stdout.write(
      `${fixture.proxy.injections.length} faults in ${((performance.now() - started) / 1_000).toFixed(0)} s, seed ${seed}: ` +
        `${rows} rows in ${batches} batches, ${topics.rebalances} rebalances, ` +
        `flushes ${loaders.map(({ flushes }) => flushes()).join(' and ')}\n${JSON.stringify(counts)}\n`,
    );
    expect(fixture.proxy.injections).toHaveLength(faults);
    // A few faults may not affect COMMIT in both ways; `snowflake-outages` injects each of them.
    if (!isLongForm) return;
    const ofCommit = fixture.proxy.injections.filter(({ kind }) => kind === 'commit');
    expect(ofCommit.some(({ tookEffect }) => tookEffect)).toBe(true);
    expect(ofCommit.some(({ tookEffect }) => !tookEffect)).toBe(true);
  });
});
