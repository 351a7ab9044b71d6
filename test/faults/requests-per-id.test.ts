import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createAdmin } from '../../kafka/admin.ts';
import { type Sandbox, startSandbox } from '../../sandbox/server.ts';
import { KafkaFixture } from '../support/kafka/kafka-fixture.ts';
import { errorCode, refuseCommits } from '../support/kafka/kafka-protocol.ts';
import { groups, topics } from '../support/kafka/topics.ts';
import { crashEnvironment } from '../support/processes/crash-points.ts';
import { Fleet, type Service, until } from '../support/processes/fleet.ts';
import { isLongForm } from '../tiers.ts';

const kills = Number(process.env['FETCH_KILLS'] ?? 1);
/** TMDB_CONCURRENCY: the limit of requests in flight, and of published ids that are not committed. */
const slots = isLongForm ? 20 : 5;
/**
 * A kill of the broker wastes at most `4 * slots` requests: each of two fetchers has `slots` in flight, and has published as many
 * answers that are not committed. With so many ids for each kill, the limit of 1.1 requests for each id allows more.
 */
const ids = kills * 50 * slots;

describe('a fetcher requests few ids twice', () => {
  let fixture: KafkaFixture;
  let sandbox: Sandbox;
  let fleet: Fleet;
  let asked = 0;

  beforeAll(async () => {
    const onRequest = ({ path }: { readonly path: string }) => {
      if (/^\/3\/movie\/\d+/.test(path)) asked += 1;
    };
    [fixture, sandbox] = await Promise.all([
      KafkaFixture.open(),
      startSandbox({ movies: ids, limit: null, latencyMs: [5, 40], onRequest }),
    ]);
  });
  afterAll(async () => {
    await fixture[Symbol.asyncDispose]();
    await sandbox[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await fixture.recreate();
    await fixture.publishIds(ids, 0, ids);
    asked = 0;
    fleet = new Fleet(
      fixture.settings({ TMDB_BASE_URL: sandbox.url, TMDB_RATE_LIMIT: '1000/1s', TMDB_CONCURRENCY: String(slots) }),
    );
  });

  const committed = async (): Promise<number> => {
    await using admin = createAdmin(fixture.kafka);
    const offsets = await admin.committedOffsets(groups.fetcher, topics.movieIds.name);
    return [...offsets.values()].reduce((sum, offset) => sum + Number(offset), 0);
  };
  const allCommitted = (check: () => void = () => {}) =>
    until('all ids are committed', async () => (await committed()) >= ids, { timeoutMs: 180_000, check });
  const askedFor = (requests: number, check: () => void) =>
    until(`${requests} requests`, () => asked >= requests, { timeoutMs: 120_000, pollMs: 5, check });

  const expectFewTwice = async () => {
    process.stdout.write(`${asked} requests for ${ids} ids over ${kills} kills\n`);
    expect(asked).toBeGreaterThanOrEqual(ids);
    expect(asked / ids).toBeLessThanOrEqual(1.1);
    await fixture.loadOnce();
    expect(await fixture.audit()).toMatchObject({ ids });
  };

  it('[R104] when it is killed at named steps: at most 1.1 requests for each id', { tags: ['full'] }, async () => {
    await using members = fleet;
    const points = ['fetcher.answered', 'fetcher.published', 'fetcher.token-taken'];
    for (let kill = 0; kill < kills; kill += 1) {
      const point = { point: points[kill % points.length] ?? '', hit: 15 * slots };
      const log = join(fixture.dataDir, `kill-${kill}.log`);
      const fetcher = members.start(`fetcher-${kill}`, ['fetch'], crashEnvironment('CRASH_AT', point, log));
      await fetcher.exited;
    }
    const last = members.start('fetcher', ['fetch']);
    await allCommitted(() => members.expectAllRunning(members.services.filter((one) => one !== last)));
    await members.drain();
    await expectFewTwice();
  });

  it('[R11 R104] when the broker is killed while two of them run: at most 1.1 requests for each id, and neither ends', async () => {
    await using members = fleet;
    members.startMany(2, 'fetcher', ['fetch']);
    const check = () => members.expectAllRunning();
    for (let kill = 1; kill <= kills; kill += 1) {
      await askedFor((kill * ids) / (kills + 1), check);
      await fixture.broker.stop(true);
      await delay(1_000);
      await fixture.broker.start();
    }
    await allCommitted(check);
    await members.drain();
    await expectFewTwice();
  });

  it('[R105] when no commit succeeds: it stops after a few requests, reports it, and continues after the next successful commit', {
    tags: ['full'],
  }, async () => {
    await using members = fleet;
    const refused = refuseCommits(errorCode.REBALANCE_IN_PROGRESS, Number.POSITIVE_INFINITY);
    let fetcher: Service | undefined;
    await fixture.proxy.during(refused, async () => {
      fetcher = members.start('fetcher', ['fetch']);
      await fetcher.url();
      await until(
        'it is not ready',
        async () => (await fetcher?.get('/readyz'))?.text.includes('nothing new is fetched') ?? false,
        {
          timeoutMs: 60_000,
          check: () => members.expectAllRunning(),
        },
      );
      // Ids that it must not begin cause no request later either.
      await delay(3_000);
      expect(asked).toBeLessThanOrEqual(2 * slots);
      expect(await fetcher.metric('tmdb_uncommitted_records')).toBeGreaterThan(0);
    });
    await allCommitted(() => members.expectAllRunning());
    await members.drain();
    expect(asked).toBeLessThanOrEqual(ids + 2 * slots);
  });
});
