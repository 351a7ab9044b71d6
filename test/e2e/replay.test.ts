import { once } from 'node:events';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Status } from '../../pipeline/status.ts';
import { type Sandbox, startSandbox } from '../../sandbox/server.ts';
import { audit } from '../support/audit/audit.ts';
import { outcomeOf, Workspace } from '../support/processes/cli.ts';
import { type CrashPoint, crashEnvironment, firedIn } from '../support/processes/crash-points.ts';
import { FleetBroker } from '../support/processes/fleet.ts';
import { isLongForm } from '../tiers.ts';

const movies = isLongForm ? 400 : 200;
const limit = { capacity: 500, windowMs: 1_000 };

describe('replay raw', () => {
  let workspace: Workspace;
  let broker: FleetBroker;
  let sandbox: Sandbox;

  beforeEach(async () => {
    sandbox = await startSandbox({ movies, limit });
    workspace = new Workspace({
      TMDB_BASE_URL: sandbox.url,
      TMDB_TOKEN: 'made-up',
      TMDB_RATE_LIMIT: '500/1s',
      LOAD_MAX_ROWS: '60',
    });
    // One broker for all commands of a test. Otherwise each command would start its own.
    const properties = { 'group.initial.rebalance.delay.ms': '0' };
    broker = await FleetBroker.start(join(workspace.dataDir, 'kafka'), { properties });
    workspace.set({ KAFKA_BROKERS: broker.address });
  });
  afterEach(async () => {
    await Promise.all([sandbox[Symbol.asyncDispose](), broker[Symbol.asyncDispose]()]);
    workspace[Symbol.dispose]();
  });

  const query = async (sql: string): Promise<Record<string, unknown>[]> => {
    const instance = await DuckDBInstance.create(workspace.duckdbPath);
    const connection = await instance.connect();
    const rows = (await connection.runAndReadAll(sql)).getRowObjectsJson();
    connection.closeSync();
    instance.closeSync();
    return rows;
  };
  /** The number of rows of each table, and a hash of their contents without the lineage of the load. */
  const contents = async (): Promise<Record<string, unknown>> => {
    const tables = await query(
      `select table_schema || '.' || table_name as name from information_schema.tables
        where table_schema = 'gold' or table_name like 'silver\\_%' escape '\\' or table_name in ('raw_movies', 'raw_genres')`,
    );
    // A document that a rebuild or a replay has loaded again counts twice among the shapes (ADR 59), and the
    // example is one of the newest run.
    const counts = `'occurrences', 'example_movie_id'`;
    const lineage = `c not in ('ingested_at', 'batch_id', 'load_seq', ${counts}) and not regexp_matches(c, '^_.*(loaded_at|batch_id|_seq)$')`;
    const found: Record<string, unknown> = {};
    for (const { name } of tables) {
      [found[String(name)]] = await query(
        `select count(*)::int as n, bit_xor(hash(*columns(c -> ${lineage})))::varchar as hash from ${name}`,
      );
    }
    expect(Object.keys(found).length).toBeGreaterThan(isLongForm ? 12 : 1);
    return found;
  };
  const json = async (args: readonly string[]) => {
    const { code, stdout, stderr } = await workspace.run([...args, '--json']);
    expect(code, stderr).toBe(0);
    return JSON.parse(stdout);
  };
  /** The rows of BRONZE; 0 while another process has the file. */
  const loadedRows = async (): Promise<number> => {
    const { layers } = JSON.parse((await workspace.run(['status', '--json'])).stdout) as Status;
    return layers?.find(({ layer }) => layer === 'bronze')?.rowsLoaded ?? 0;
  };
  const killedAt = async (args: readonly string[], point: CrashPoint) => {
    const log = join(workspace.dataDir, 'fired');
    const child = workspace.start(args, crashEnvironment('CRASH_AT', point, log));
    await once(child, 'exit');
    expect(child.signalCode).toBe('SIGKILL');
    expect(firedIn(log).at(-1)).toBe(`CRASH_AT ${point.point}:${point.hit}`);
  };

  /** A whole run. In `npm test` without dbt: a rebuild changes only BRONZE, and the long form shows what that means for GOLD. */
  const fill = async () => {
    const pages = ['--pages', String(movies / 20)];
    if (isLongForm) return void (await workspace.runOnce(pages));
    for (const stage of [
      ['produce', 'genres'],
      ['produce', 'popular', ...pages],
      ['fetch', '--once'],
      ['load', '--once'],
    ])
      await json(stage);
  };
  const isRight = () => audit(workspace, { brokers: [broker.address], onlyBronze: !isLongForm });

  it('[P9 R25] rebuilds the same BRONZE as the live path, despite kills during the rebuild and the swap, without requests to TMDb', async () => {
    await fill();
    const before = await contents();
    const asked = sandbox.stats().requests;
    const rebuild = ['replay', 'raw', '--all', '--rebuild'];
    expect(await json([...rebuild, '--dry-run'])).toMatchObject({ records: movies + 1, apiCalls: 0 });

    if (isLongForm) await killedAt(rebuild, { point: 'loader.rows-written', hit: 1 });
    await killedAt(rebuild, { point: 'loader.committed', hit: 1 });
    expect(await contents()).toEqual(before);
    if (isLongForm) await killedAt(rebuild, { point: 'replay.compared', hit: 1 });
    await killedAt(rebuild, { point: 'replay.swapped', hit: 1 });
    expect(await contents()).toEqual(before);

    // The rebuild was already filled. Only the comparison and the swap remain.
    const { records, swap } = await json(rebuild);
    expect({ records, swap }).toEqual({
      records: 0,
      swap: { rows: movies + 1, same: movies + 1, corrected: 0, recovered: 0, refused: 0, repeated: 0, retained: 0 },
    });
    expect(await contents()).toEqual(before);
    expect(sandbox.stats().requests).toBe(asked);
    await isRight();
    if (!isLongForm) return;
    expect(await json(['transform'])).toMatchObject({ skipped: false });
    expect(await contents()).toEqual(before);
    await json(['transform', '--full-refresh']);
    expect(await contents()).toEqual(before);
    await isRight();
  });

  it('[R25] rebuilds while a loader runs, and includes rows that are loaded meanwhile', {
    tags: ['full'],
  }, async () => {
    const service = workspace.start(['run', '--pages', '20', '--popular-every', '1s'], {
      TMDB_REFRESH_AFTER: '0s',
      TMDB_RATE_LIMIT: '100/1s',
      TRANSFORM_SCHEDULE: '*/5 * * * * *',
      LOG_LEVEL: 'warn',
    });
    const ended = outcomeOf(service);
    // The loader may be far behind the fetcher, because dbt has the file in between.
    await vi.waitUntil(async () => (await loadedRows()) > movies, { timeout: 180_000, interval: 500 });
    const { records, swap } = await json(['replay', 'raw', '--all', '--rebuild']);
    expect(records).toBeGreaterThan(movies);
    expect(swap.rows).toBe(swap.same);
    // Otherwise the loader has loaded nothing meanwhile, and the test shows nothing.
    expect(swap.retained).toBeGreaterThan(0);
    const { requests } = sandbox.stats();
    await vi.waitUntil(() => sandbox.stats().requests > requests + 200, { timeout: 60_000, interval: 100 });
    process.kill(service.pid ?? 0, 'SIGTERM');
    const { code, stderr } = await ended;
    expect(code, stderr).toBe(0);
    await workspace.runOnce(['--pages', '1']);
    await audit(workspace, { brokers: [broker.address] });
  });

  it('adds only missing rows to BRONZE, despite a kill', { tags: ['full'] }, async () => {
    await workspace.runOnce(['--pages', '20']);
    const before = await contents();
    await query('delete from bronze.raw_movies where kafka_offset % 7 = 3');
    const missing = movies - Number((await query('select count(*) as n from bronze.raw_movies'))[0]?.['n']);
    expect(missing).toBeGreaterThan(20);
    await killedAt(['replay', 'raw', '--since', '1h'], { point: 'loader.committed', hit: 1 });
    const { records, added } = await json(['replay', 'raw', '--since', '1h']);
    expect(records).toBeLessThan(movies);
    expect(added).toBeLessThan(missing);
    expect(await json(['replay', 'raw', '--all'])).toMatchObject({ records: movies, added: 0 });
    await json(['transform']);
    expect(await contents()).toEqual(before);
    // Until a rebuild, the ledger does not match the rows that were deleted by hand.
    expect(await json(['replay', 'raw', '--all', '--rebuild'])).toMatchObject({ swap: { same: movies + 1 } });
    await json(['transform']);
    await audit(workspace, { brokers: [broker.address] });
  });
});
