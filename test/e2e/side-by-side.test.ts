import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Sandbox } from '../../sandbox/server.ts';
import { withAdmin } from '../support/kafka/broker.ts';
import type { KafkaFixture } from '../support/kafka/kafka-fixture.ts';
import { shareFixture } from '../support/kafka/shared-fixture.ts';
import { groups, topics } from '../support/kafka/topics.ts';
import { Running } from '../support/processes/side-by-side.ts';

/** Much longer than any of these tests takes on a busy machine. */
const boundMs = 120_000;

describe('a command whose partitions are assigned to another process', () => {
  let fixture: KafkaFixture;
  let sandbox: Sandbox;

  shareFixture((...opened) => {
    [fixture, sandbox] = opened;
  });
  beforeEach(() => fixture.recreate());

  const started: Running[] = [];
  afterEach(async () => {
    await Promise.all(started.splice(0).map((running) => running[Symbol.asyncDispose]()));
  });
  const start = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Running => {
    const settings = { TMDB_BASE_URL: sandbox.url, TMDB_RATE_LIMIT: '1000/1s', HTTP_LISTEN: '', ...env };
    const running = new Running(fixture, args, settings);
    started.push(running);
    return running;
  };

  /** A loader that is assigned all partitions, reads them, and loads nothing until it is told to stop. */
  const startHoarder = async (env: Readonly<Record<string, string>> = {}) => {
    const loader = start(['load'], { LOAD_MAX_AGE: '1h', LOAD_MAX_ROWS: '100000', HTTP_LISTEN: '127.0.0.1:0', ...env });
    await loader.wrote(/"started"/);
    const hasJoined = () =>
      withAdmin(fixture.kafka, async (admin) => {
        const [group] = (await admin.describeGroups([groups.loader])).groups;
        return group?.state === 'Stable' && group.members.length === 1;
      });
    await vi.waitUntil(hasJoined, { timeout: boundMs, interval: 100 });
    return loader;
  };

  it('[R100] ends with everything in GOLD although the partitions are assigned to a running loader (run --once beside load)', {
    tags: ['full'],
  }, async () => {
    // It loads its records long after the other loader has read the ledger.
    const loader = start(['load'], { LOAD_MAX_AGE: '10s' });
    await loader.wrote(/"started"/);
    const run = start(['run', '--once', '--pages', '1']);
    const { code } = await run.endsWithin(boundMs);
    expect(code, run.output).toBe(0);
    expect(run.output).toMatch(/waits for process/);
    loader.child.kill('SIGTERM');
    expect(await loader.endsWithin(boundMs)).toMatchObject({ code: 0 });
    expect(await fixture.audit()).toMatchObject({ bronzeRows: 21 });
  });

  it('[R100] shares its work with a second process, and both end (run --once twice)', { tags: ['full'] }, async () => {
    const runs = [1, 2].map(() => start(['run', '--once', '--pages', '1'], { LOAD_MAX_AGE: '4s' }));
    for (const run of runs) expect(await run.endsWithin(boundMs)).toMatchObject({ code: 0 });
    await fixture.audit();
  });

  it('[R100] shares its work with a second process, and both end (load --once twice)', { tags: ['full'] }, async () => {
    await fixture.publish(200);
    // Neither may wait for the other before it loads its own records.
    const loads = [1, 2].map(() => start(['load', '--once'], { LOAD_MAX_AGE: '1h' }));
    for (const load of loads) expect(await load.endsWithin(boundMs)).toMatchObject({ code: 0 });
    expect(await fixture.audit()).toMatchObject({ bronzeRows: 200 });
  });

  it('[R100] names the process that it waits for, and ends when that process has done the work or the topic is created again', {
    tags: ['full'],
  }, async () => {
    await fixture.publish(40);
    const hoarder = await startHoarder();
    const load = start(['load', '--once']);
    await load.wrote(
      new RegExp(
        `load {5}waits for process ${hoarder.child.pid} on \\S+: \\d+ records of ${topics.rawMovies.name}/[01]\n`,
      ),
    );
    hoarder.child.kill('SIGTERM');
    expect(await load.endsWithin(boundMs)).toMatchObject({ code: 0 });

    await fixture.publish(40, { from: 40 });
    await startHoarder();
    const late = start(['load', '--once']);
    await late.wrote(/waits for process/);
    await fixture.deleteTopics([topics.rawMovies.name]);
    await fixture.ensureTopics(2);
    const ended = await late.endsWithin(boundMs);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/deleted and created again/);
  });

  it('[R102] refuses to share partitions with a loader of another warehouse, and names both', async () => {
    await fixture.publish(40);
    // A busy machine may delay a heartbeat by more than the two seconds of other tests: then the command would get all partitions.
    const patient = { KAFKA_SESSION_TIMEOUT: '10s' };
    const hoarder = await startHoarder({ DUCKDB_PATH: `${fixture.duckdbPath}.other`, ...patient });
    const load = start(['load', '--once'], patient);
    const ended = await load.endsWithin(boundMs);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain(`process ${hoarder.child.pid} on `);
    expect(ended.stderr).toContain(`${fixture.duckdbPath}.other`);
  });
});
