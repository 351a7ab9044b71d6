import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { until } from '../support/fleet.ts';
import { Post } from './support/crew.ts';
import { openTestBed, type TestBed } from './support/test-bed.ts';

/** How long the first outage lasts; the second lasts as long again after the fetcher has given up. */
const seconds = Number(process.env['FAULT_SECONDS'] ?? 3);
const movies = 600;

let bed: TestBed;

beforeEach(async () => {
  bed = await openTestBed({
    limit: { capacity: 150, windowMs: 1_000 },
    sandbox: { movies, latencyMs: [5, 40] },
    env: { TMDB_GIVE_UP_AFTER: `${seconds + 2}s` },
    kafka: { 'group.initial.rebalance.delay.ms': '0' },
  });
});
afterEach(() => bed[Symbol.asyncDispose]());

it('an outage of TMDb leaves the queue in Kafka, memory as it is, and nothing in dead letters', async () => {
  await bed.run('produce', 'popular', '--pages', String(movies / 20));
  const fetcher = new Post(bed.fleet, 'fetcher', ['fetch']);
  /** Movies that were answered, one that is gone by now included. */
  const fetched = () =>
    new Set(
      bed.requests
        .filter(({ status, path }) => (status === 200 || status === 404) && /\/movie\/\d+$/.test(path))
        .map(({ path }) => path),
    ).size;
  const memory = () =>
    Number(execFileSync('ps', ['-o', 'rss=', '-p', String(fetcher.service.pid)], { encoding: 'utf8' })) / 1_024;
  await until('it is at work', () => fetched() > 100, { timeoutMs: 60_000 });

  // Shorter than it waits: it sits it out.
  const before = { memory: memory(), requests: bed.requests.length };
  bed.sandbox.setFaults([{ kind: 'status', status: 503 }]);
  let most = before.memory;
  const end = performance.now() + seconds * 1_000;
  await until(
    'the outage is over',
    () => {
      most = Math.max(most, memory());
      return performance.now() > end;
    },
    { timeoutMs: seconds * 1_000 + 5_000 },
  );
  const knocks = bed.requests.length - before.requests;
  bed.sandbox.setFaults([]);
  expect(fetcher.deaths.length).toBe(0);
  expect(most - before.memory).toBeLessThan(64);
  const sofar = fetched();
  await until('it goes on', () => fetched() > sofar + 100, { timeoutMs: 60_000 });

  // Longer: it ends as failed, and whoever restarts it in vain does so until TMDb is back.
  bed.sandbox.setFaults([{ kind: 'drop' }]);
  await until('it has given up', () => fetcher.deaths.length > 0, { timeoutMs: (seconds + 60) * 1_000 });
  const restarted = performance.now() + seconds * 1_000;
  await until('some time has gone by', () => performance.now() > restarted, { timeoutMs: seconds * 1_000 + 5_000 });
  expect(bed.fleet.services[0]?.lines.at(-1)).toMatchObject({
    msg: 'died',
    error: expect.stringContaining('cannot be reached'),
  });
  bed.sandbox.setFaults([]);
  await until('all are fetched', () => fetched() >= movies, { timeoutMs: 120_000 });
  expect(await fetcher.end()).toBe(0);
  await bed.run('load', '--once');
  const found = await bed.audit({ onlyBronze: true });
  process.stdout.write(
    `${knocks} requests in an outage of ${seconds} s, ${(most - before.memory).toFixed(0)} MB more, ` +
      `then ${fetcher.deaths.length} restarts; ${JSON.stringify(found)}\n`,
  );
  expect(found).toMatchObject({ ids: movies, movies, parked: 0 });
  // A slot that waits knocks at most as often as the backoff says, all of them together hardly ever.
  expect(knocks).toBeLessThan(100 + seconds * 20);
});
