import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../sandbox/server.ts';
import { FleetBroker } from '../support/processes/fleet.ts';
import { SnowflakeEmulator } from '../support/snowflake/emulator.ts';
import { SnowflakeWorkspace } from '../support/snowflake/workspace.ts';
import type { HttpServer } from '../support/tmdb/http-server.ts';
import { serveMarked } from '../support/tmdb/marking-server.ts';

/** Seven months. */
const shiftedClock = {
  NODE_OPTIONS: `--import ${join(import.meta.dirname, '../support/clock/shifted-clock.ts')}`,
  SHIFT_CLOCK_MS: String(-7 * 31 * 86_400_000),
};
/** In all texts of the documents. */
const marker = 'qq-old-qq';
/** The marker, and the revenues of marked documents. */
const oldValue = new RegExp(`${marker}|[^0-9.]77000000[0-9]{2}[^0-9]`);

let emulator: SnowflakeEmulator;
let sandbox: Sandbox;
let tmdb: HttpServer;
let broker: FleetBroker;
let workspace: SnowflakeWorkspace;

beforeAll(async () => {
  [emulator, sandbox] = await Promise.all([
    SnowflakeEmulator.start(),
    startSandbox({ movies: 40, limit: { capacity: 500, windowMs: 1_000 } }),
  ]);
  tmdb = await serveMarked(sandbox.url, () => marker);
  workspace = new SnowflakeWorkspace(emulator, {
    TMDB_BASE_URL: `http://127.0.0.1:${tmdb.port}/3`,
    TMDB_TOKEN: 'made-up',
    TMDB_RATE_LIMIT: '500/1s',
    TRANSFORM_DRIFT: 'warn',
  });
  // The broker keeps the old records, so that a rebuild reads them.
  broker = await FleetBroker.start(join(workspace.dataDir, 'kafka'), {
    properties: { 'group.initial.rebalance.delay.ms': '0', 'log.initial.task.delay.ms': '3600000' },
  });
  workspace.set({ KAFKA_BROKERS: broker.address });
});
afterAll(async () => {
  await Promise.all([broker, tmdb, sandbox, emulator].map((resource) => resource?.[Symbol.asyncDispose]()));
  workspace[Symbol.dispose]();
});

const run = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
  const { code, stdout, stderr } = await workspace.run(args, env);
  expect(code, `${args.join(' ')}\n${stdout}\n${stderr}`).toBe(0);
  return stdout;
};

/** Tables and views with a row that matches, and the number of such rows. */
async function tablesWith(pattern: RegExp): Promise<Record<string, number>> {
  const relations = await workspace.query(
    `select table_schema as place, table_name as name from information_schema.tables where table_schema <> 'INFORMATION_SCHEMA'`,
  );
  const found: Record<string, number> = {};
  for (const { place, name } of relations) {
    const rows = await workspace.query(`select * from "${place}"."${name}"`);
    const texts = rows.map((row) =>
      JSON.stringify(row, (_, value) => (typeof value === 'bigint' ? `${value}` : value)),
    );
    const count = texts.filter((text) => pattern.test(text)).length;
    if (count > 0) found[`${place}.${name}`] = count;
  }
  return found;
}

it('[P25 R150 R151] a purge leaves nothing of expired answers in Snowflake, also after a rebuild and a full refresh', async () => {
  await run(['warehouse', 'provision']);
  await run(['run', '--once', '--pages', '2'], shiftedClock);
  // Before the purge, the search finds old values: it works.
  expect(Object.keys(await tablesWith(oldValue)).length).toBeGreaterThan(10);

  const plan = JSON.parse(await run(['purge', '--dry-run', '--json']));
  expect(plan).toMatchObject({ rows: 41, movies: 40, isDryRun: true });
  expect(JSON.parse(await run(['purge', '--json']))).toMatchObject({ rows: 41, isUnfinished: false });
  expect(await tablesWith(oldValue)).toEqual({});
  expect(await workspace.query('select 1 as one from gold.fact_movies limit 1')).toEqual([]);
  expect(JSON.parse(await run(['purge', '--json']))).toMatchObject({ rows: 0, isUnfinished: false });

  await run(['replay', 'raw', '--all', '--rebuild']);
  await run(['transform', '--full-refresh']);
  expect(await tablesWith(oldValue)).toEqual({});
  // The audit starts a broker on the same folder.
  await broker.stop();
  await workspace.auditBronze();
});
