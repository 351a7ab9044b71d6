import { copyFileSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { readDefinitions } from '../../dashboard/definitions.ts';
import { pages } from '../../dashboard/pages/index.ts';
import { startDashboardServer } from '../../dashboard/server.ts';
import { createSite } from '../../dashboard/site.ts';
import { readTopic } from '../../kafka/read-topic.ts';
import { createLogger } from '../../runtime/logger.ts';
import { type Sandbox, startSandbox } from '../../sandbox/server.ts';
import { rawMovieCodec } from '../../schemas/codecs.ts';
import { openDuckDbGold } from '../../warehouse/duckdb/gold-reader.ts';
import { sampleStatus } from '../support/dashboard/sample-status.ts';
import { writeMessages } from '../support/kafka/broker.ts';
import { plainClient } from '../support/kafka/client.ts';
import { topicNames, topics } from '../support/kafka/topics.ts';
import { Workspace } from '../support/processes/cli.ts';
import { crashEnvironment, firedIn } from '../support/processes/crash-points.ts';
import { FleetBroker } from '../support/processes/fleet.ts';
import type { HttpServer } from '../support/tmdb/http-server.ts';
import { serveMarked } from '../support/tmdb/marking-server.ts';
import { filesWith, tablesWith } from '../support/warehouse/marker-search.ts';

/** Seven months. */
const shiftMs = -7 * 31 * 86_400_000;
const shiftedClock = {
  NODE_OPTIONS: `--import ${join(import.meta.dirname, '../support/clock/shifted-clock.ts')}`,
  SHIFT_CLOCK_MS: String(shiftMs),
};
/** Each is in all texts of the documents of its time. */
const [old, newer] = ['qq-old-qq', 'qq-new-qq'];
/** The marker, and the revenues of marked documents. */
const oldValue = new RegExp(`${old}|[^0-9.]77000000[0-9]{2}[^0-9]`);

let sandbox: Sandbox;
let tmdb: HttpServer;
let marker: string;
let workspace: Workspace;
let kafkaDir: string;
let backup: string;
let broker: FleetBroker;

/** Starts a broker on the same topics, which deletes expired segments after this time, and then as often. */
async function startBroker(deletesEveryMs: number): Promise<void> {
  const properties = {
    'group.initial.rebalance.delay.ms': '0',
    'log.retention.check.interval.ms': String(deletesEveryMs),
    'log.initial.task.delay.ms': String(deletesEveryMs),
    // Otherwise the files of deleted segments stay for a minute.
    'log.segment.delete.delay.ms': '0',
  };
  broker = await FleetBroker.start(kafkaDir, { properties });
  workspace.set({ KAFKA_BROKERS: broker.address });
}

beforeEach(async () => {
  sandbox = await startSandbox({ movies: 40, limit: { capacity: 500, windowMs: 1_000 } });
  marker = old;
  tmdb = await serveMarked(sandbox.url, () => marker);
  workspace = new Workspace({
    TMDB_BASE_URL: `http://127.0.0.1:${tmdb.port}/3`,
    TMDB_TOKEN: 'made-up',
    TMDB_RATE_LIMIT: '500/1s',
  });
  kafkaDir = join(workspace.dataDir, 'kafka');
  backup = `${workspace.dataDir}-backup.duckdb`;
  // Temporary files are searched as well.
  const temporary = join(workspace.dataDir, 'tmp');
  mkdirSync(temporary);
  workspace.set({ TMPDIR: temporary, TRANSFORM_DRIFT: 'warn' });
  await startBroker(3_600_000);
});
afterEach(async () => {
  await Promise.all([broker, tmdb, sandbox].map((resource) => resource[Symbol.asyncDispose]()));
  for (const path of [backup, `${backup}.log`]) rmSync(path, { force: true });
  workspace[Symbol.dispose]();
});

const run = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
  const { code, stdout, stderr } = await workspace.run(args, env);
  expect(code, `${args.join(' ')}\n${stdout}\n${stderr}`).toBe(0);
};

/** A record that no table can hold: the loader parks it, with its document. */
async function writeBadRecord(movieId: number, at: number): Promise<void> {
  const body = Buffer.from(`{"id": ${movieId}, "title": "${marker}", broken`);
  const sourceUrl = `https://api.themoviedb.org/3/movie/${movieId}`;
  const value = rawMovieCodec.encode({ movieId, sourceUrl, httpStatus: 200, fetchedAt: new Date(at), body });
  const message = { key: String(movieId), value, timestamp: String(at) };
  await writeMessages(plainClient([broker.address]), topics.rawMovies.name, [message]);
}

/** What killed processes leave: documents in files that no table contains. */
function leaveFiles(): void {
  const folders = {
    load: join(workspace.dataDir, 'tmp', 'tmdb-stream-load-killed'),
    dryRun: join(workspace.dataDir, 'tmp', 'tmdb-stream-dry-run-killed'),
    spill: `${workspace.duckdbPath}.spill`,
    rewrite: `${workspace.duckdbPath}.rewrite`,
  };
  const at = new Date(Date.now() + shiftMs);
  for (const folder of Object.values(folders)) {
    mkdirSync(folder);
    writeFileSync(join(folder, 'documents'), `{"title": "${marker}"}`);
    for (const path of [join(folder, 'documents'), folder]) utimesSync(path, at, at);
  }
}

/** Fills the tables of a rebuild, and ends before they replace BRONZE. */
async function leaveRebuild(): Promise<void> {
  const crash = crashEnvironment('CRASH_AT', { point: 'replay.compared', hit: 1 }, `${backup}.log`);
  const { code } = await workspace.run(['replay', 'raw', '--all', '--rebuild'], { ...shiftedClock, ...crash });
  expect([code, firedIn(`${backup}.log`)]).toEqual([null, ['CRASH_AT replay.compared:1']]);
}

/** Topics with a record that contains a marker, and how many. */
async function topicsWith(text: string): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  const kafka = plainClient([broker.address]);
  for (const topic of topicNames) {
    await readTopic(kafka, topic, ({ key, value, headers }) => {
      const parts = [key, value, Buffer.from(JSON.stringify(headers ?? {}))];
      if (parts.some((part) => part?.includes(text))) found[topic] = (found[topic] ?? 0) + 1;
    });
  }
  return found;
}

/** Addresses of the dashboard whose page contains a marker. */
async function pagesWith(text: string): Promise<string[]> {
  await using gold = openDuckDbGold(join(workspace.dataDir, 'tmdb_gold.duckdb'));
  const site = createSite({
    gold,
    definitions: readDefinitions(),
    readOperations: async () => sampleStatus,
    remark: null,
  });
  const [log, listen] = [createLogger('silent', []), { host: '127.0.0.1', port: 0 }];
  await using server = await startDashboardServer({ listen, site, log, hosts: [], token: undefined });
  const found: string[] = [];
  for (const { path, match } of pages) {
    const address = match ? '/movies/3' : path;
    const answer = await fetch(new URL(address, server.url));
    if ((await answer.text()).includes(text)) found.push(address);
  }
  return found;
}

/** Everything but Kafka, which deletes by itself. */
async function expectNothingOld(): Promise<void> {
  expect(await tablesWith(workspace.dataDir, oldValue)).toEqual({});
  expect(filesWith(workspace.dataDir, old, kafkaDir)).toEqual([]);
  expect(await pagesWith(old)).toEqual([]);
}

it('[P25 R150 R151] nothing that is seven months old is left anywhere, whatever is rebuilt or restored', async () => {
  await run(['run', '--once', '--pages', '2'], shiftedClock);
  await writeBadRecord(3, Date.now() + shiftMs);
  await run(['load', '--once'], shiftedClock);
  await leaveRebuild();
  leaveFiles();
  // The search finds it where it is.
  expect(filesWith(workspace.dataDir, old, kafkaDir).filter((path) => /documents$/.test(path))).toHaveLength(4);
  expect(await tablesWith(workspace.dataDir, oldValue)).toMatchObject({
    'tmdb.duckdb: bronze.rebuild_raw_movies': 40,
  });
  expect(Object.keys(await tablesWith(workspace.dataDir, oldValue)).length).toBeGreaterThan(10);
  expect(await topicsWith(old)).toMatchObject({ 'tmdb.raw-movies': 41, 'tmdb.raw-genres': 1, 'tmdb.dead-letters': 1 });
  expect(await pagesWith(old)).not.toEqual([]);
  copyFileSync(workspace.duckdbPath, backup);

  await run(['purge']);
  await expectNothingOld();
  await run(['replay', 'raw', '--all', '--rebuild']);
  await run(['purge']);
  await expectNothingOld();
  await run(['transform', '--full-refresh']);
  await expectNothingOld();
  copyFileSync(backup, workspace.duckdbPath);
  await run(['purge']);
  await expectNothingOld();

  marker = newer;
  await run(['run', '--once', '--pages', '2']);
  expect(Object.keys(await tablesWith(workspace.dataDir, new RegExp(newer)))).not.toEqual([]);
  await writeBadRecord(4, Date.now());
  await run(['load', '--once']);
  await expectNothingOld();

  await broker.stop();
  await startBroker(300);
  await vi.waitFor(async () => expect(await topicsWith(old)).toEqual({}), { timeout: 90_000, interval: 1_000 });
  expect(filesWith(workspace.dataDir, old)).toEqual([]);
  expect(await topicsWith(newer)).toMatchObject({ 'tmdb.raw-movies': 41, 'tmdb.dead-letters': 1 });
});
