import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { commandsByWords } from '../../commands/index.ts';
import { ExitCode } from '../../runtime/errors.ts';
import { type Sandbox, type SandboxRequest, startSandbox } from '../../sandbox/server.ts';
import { audit } from '../support/audit/audit.ts';
import { checkErrorStream, checkOutput } from '../support/commands/outputs.ts';
import { outcomeOf, Workspace } from '../support/processes/cli.ts';
import { FleetBroker } from '../support/processes/fleet.ts';
import { casesOf } from '../tiers.ts';

describe('the command line', () => {
  let workspace: Workspace;
  const opened: AsyncDisposable[] = [];

  beforeEach(() => {
    workspace = new Workspace({ TMDB_RATE_LIMIT: '500/1s' });
  });
  afterEach(async () => {
    for (const resource of opened.splice(0)) await resource[Symbol.asyncDispose]();
    workspace[Symbol.dispose]();
  });

  const sandboxWith = async (
    options: Parameters<typeof startSandbox>[0],
  ): Promise<{ sandbox: Sandbox; seen: SandboxRequest[] }> => {
    const seen: SandboxRequest[] = [];
    const limit = { capacity: 500, windowMs: 1_000 };
    const sandbox = await startSandbox({ limit, onRequest: (request) => seen.push(request), ...options });
    opened.push(sandbox);
    return { sandbox, seen };
  };

  it.each([
    [['frobnicate'], "unknown command 'frobnicate'"],
    [['replay', 'ids'], 'no records selected: give --all'],
  ])('refuses %j with exit code 2 and says what to do', async (args, hint) => {
    const { code, stdout, stderr } = await workspace.run(args);
    expect(code).toBe(2);
    expect(stderr).toContain(hint);
    expect(stdout).toBe('');
  });

  it('lists every mistake in the environment at once, with exit code 2', async () => {
    const { code, stderr } = await workspace.run(['status'], {
      TMDB_RATE_LIMIT: 'x',
      WAREHOUSE: 'oracle',
      LOAD_MAX_AGE: 'soon',
    });
    expect(code).toBe(2);
    for (const name of ['TMDB_RATE_LIMIT', 'WAREHOUSE', 'LOAD_MAX_AGE']) expect(stderr).toContain(name);
  });

  it('explains a command', async () => {
    const { code, stdout } = await workspace.run(['replay', '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('Usage: tmdb-stream replay');
  });

  it('[R40] stops with exit code 3 after at most 3 calls when the credentials are refused', {
    tags: ['full'],
  }, async () => {
    const { sandbox, seen } = await sandboxWith({ token: 'the-right-one' });
    const { code, stderr } = await workspace.run(['run', '--once'], {
      TMDB_BASE_URL: sandbox.url,
      TMDB_TOKEN: 'a-wrong-one',
    });
    expect(code, stderr).toBe(3);
    expect(stderr).toContain('refused the credentials');
    expect(seen.length).toBeLessThanOrEqual(3);
  });

  it('[R34] reports that TMDb is unreachable, with exit code 1', { tags: ['full'] }, async () => {
    const { sandbox } = await sandboxWith({});
    await sandbox[Symbol.asyncDispose]();
    const { code, stderr } = await workspace.run(['run', '--once'], {
      TMDB_BASE_URL: sandbox.url,
      TMDB_TOKEN: 'made-up',
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(/cannot be reached.*ECONNREFUSED/);
  });

  it.each(casesOf(['TMDB_API_KEY', 'TMDB_TOKEN']))(
    '[P15 S1] leaves no trace of %s in output, processes, topics, tables or files',
    async (name) => {
      const canary = 'canary7f3a91d2';
      const { sandbox, seen } = await sandboxWith({
        faults: [{ kind: 'status', status: 503, rate: 0.1, path: '/movie/{id}' }],
      });
      const child = workspace.start(['run', '--once', '--pages', '1'], {
        TMDB_BASE_URL: sandbox.url,
        [name]: canary,
        LOG_LEVEL: 'trace',
      });
      const running = outcomeOf(child);
      await vi.waitFor(() => expect(seen.length).toBeGreaterThan(0), { timeout: 60_000 });
      expect(execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })).not.toContain(canary);
      const broker = JSON.parse(readFileSync(join(workspace.dataDir, 'kafka', 'broker.json'), 'utf8')).broker.pid;
      expect(execFileSync('ps', ['e', '-o', 'args', '-p', String(broker)], { encoding: 'utf8' })).not.toContain(canary);
      const outcome = await running;
      expect(outcome.code).toBe(0);
      expect(
        seen.every((request) =>
          name === 'TMDB_TOKEN' ? request.hasAuthorization && !request.hasApiKey : request.hasApiKey,
        ),
      ).toBe(true);
      expect(outcome.stdout + outcome.stderr).not.toContain(canary);
      const files = readdirSync(workspace.dataDir, { recursive: true, withFileTypes: true }).filter((entry) =>
        entry.isFile(),
      );
      expect(files.length).toBeGreaterThan(10);
      const leaks = files
        .map((entry) => join(entry.parentPath, entry.name))
        .filter((file) => readFileSync(file).includes(canary));
      expect(leaks).toEqual([]);
    },
  );

  it('[R42] parks movies that cannot be fetched, with the reason, and continues', { tags: ['full'] }, async () => {
    const { sandbox } = await sandboxWith({});
    sandbox.setFaults([{ kind: 'wrong-id', path: '/movie/{id}', times: 3 }]);
    const report = await workspace.runOnce(['--pages', '1'], { TMDB_BASE_URL: sandbox.url, TMDB_TOKEN: 'made-up' });
    expect(report.movies.parked).toBe(3);
    expect(report.movies.fetched + report.movies.gone).toBe(17);
    await audit(workspace);
    const { stdout } = await workspace.run(['status', '--json'], { TMDB_BASE_URL: sandbox.url, TMDB_TOKEN: 'made-up' });
    expect(JSON.parse(stdout).topics).toContainEqual(
      expect.objectContaining({ topic: 'tmdb.dead-letters', records: 3 }),
    );
  });

  it('[R106] prints what status can read while another program holds the DuckDB file, names that program, and exits with code 5', {
    tags: ['full'],
  }, async () => {
    const holder = await DuckDBInstance.create(workspace.duckdbPath);
    try {
      const { code, stdout } = await workspace.run(['status', '--json']);
      const found = JSON.parse(stdout);
      const message = expect.stringMatching(new RegExp(`is open in \\S+ \\(pid ${process.pid}\\)`));
      expect(found).toMatchObject({ layers: null, lastFlush: null, lastDbtRun: null });
      expect(found.errors).toEqual([{ part: 'warehouse', message }]);
      expect(found.topics).toContainEqual(
        expect.objectContaining({ topic: 'tmdb.raw-movies', records: 0, waiting: null }),
      );
      expect(code).toBe(ExitCode.partial);
    } finally {
      holder.closeSync();
    }
  });

  it('[R5] drains at the first signal and exits with code 143; the next run fetches nothing again', {
    tags: ['full'],
  }, async () => {
    const { sandbox, seen } = await sandboxWith({ latencyMs: [200, 300] });
    const env = { TMDB_BASE_URL: sandbox.url, TMDB_TOKEN: 'made-up', TMDB_CONCURRENCY: '2' };
    const child = workspace.start(['run', '--once', '--pages', '3'], env);
    const outcome = outcomeOf(child);
    await vi.waitFor(() => expect(seen.length).toBeGreaterThan(20), { timeout: 60_000, interval: 20 });
    process.kill(child.pid ?? 0, 'SIGTERM');
    expect((await outcome).code).toBe(143);
    expect(seen.length).toBeLessThan(60);
    await workspace.runOnce(['--pages', '3'], env);
    const asked = seen.filter(({ path }) => /movie\/\d+$/.test(path)).map(({ path }) => path);
    expect(asked).toHaveLength(60);
    expect(new Set(asked).size).toBe(60);
  });

  it('reports in JSON why arguments are refused, and prints no output', async () => {
    const { code, stdout, stderr } = await workspace.run(['replay', 'ids', '--json']);
    const message = expect.stringContaining('no records selected: give --all');
    expect(checkErrorStream(stderr)).toMatchObject([
      { error: { code: 'usage', message, retriable: false, exitCode: 2 } },
    ]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  it('prints only JSON of the documented shape to both streams, for each command', { tags: ['full'] }, async () => {
    const properties = { 'group.initial.rebalance.delay.ms': '0' };
    await using broker = await FleetBroker.start(join(workspace.dataDir, 'kafka'), { properties });
    const faults = JSON.stringify([{ kind: 'wrong-id', path: '/movie/{id}', times: 2 }]);
    const serving = workspace.start(['sandbox', '--port', '0', '--json', '--faults', faults]);
    const [line] = await once(serving.stdout ?? serving, 'data');
    await checkOutput(['sandbox'], String(line));
    const env = { KAFKA_BROKERS: broker.address, TMDB_BASE_URL: JSON.parse(String(line)).url, TMDB_TOKEN: 'made-up' };
    const outputs = new Map<string, unknown>([['sandbox', JSON.parse(String(line))]]);
    const json = async (words: string, args = '', expected: number = ExitCode.done) => {
      // `run` compares the output with the shape of the command.
      const { code, stdout, stderr } = await workspace.run([...`${words} ${args}`.trim().split(' '), '--json'], env);
      expect(`${words} ${args}: ${code}`, stderr).toBe(`${words} ${args}: ${expected}`);
      checkErrorStream(stderr);
      expect(stdout.split('\n'), words).toHaveLength(2);
      outputs.set(words, JSON.parse(stdout));
      return JSON.parse(stdout);
    };
    await json('produce genres');
    expect(await json('produce popular', '--pages 1')).toMatchObject({ found: 20, published: 20 });
    expect(await json('fetch', '--once')).toMatchObject({ parked: 2 });
    await json('warehouse migrate');
    expect(await json('load', '--once')).toMatchObject({ rows: 19 });
    await renameCluster(join(workspace.dataDir, 'tmdb.duckdb'), 'former');
    expect(await json('warehouse adopt-cluster')).toMatchObject({ isDryRun: false, from: 'former' });
    expect(await json('transform')).toMatchObject({ skipped: false, testsFailed: 0 });
    expect(await json('schedule', '--once')).toMatchObject({ outcome: 'skipped', isFresh: true });
    expect(await json('purge')).toMatchObject({ rows: 0, isUnfinished: false });
    expect(await json('drift')).toEqual({ findings: [] });
    const { topics } = await json('status');
    expect(topics.map(({ waiting }: { waiting: number | null }) => waiting)).toEqual([0, 0, 0, 0, null, null]);
    expect(await json('coverage', '--missing')).toMatchObject({ export: null, known: 20, fetched: 18, parked: 2 });
    await Promise.all([
      json('dead-letters list'),
      json('topics'),
      json('replay raw', '--all --dry-run'),
      json('replay ids', '--all --dry-run'),
      json('ids discard', '--all --dry-run'),
      json('warehouse provision', '--print'),
    ]);
    await json('repair', '--dry-run');
    await json('doctor');
    const { letters } = outputs.get('dead-letters list') as { letters: { id: string }[] };
    expect(letters).toHaveLength(2);
    await json('dead-letters show', letters[0]?.id);
    expect(await json('dead-letters redrive', `--id ${letters[0]?.id}`)).toMatchObject({ redriven: 1, refused: [] });
    const closing = await json('dead-letters purge', '--all', ExitCode.usage);
    expect(closing).toMatchObject({ isClosed: false, letters: [{ id: letters[1]?.id }] });
    expect(await json('run', '--once --pages 1')).toMatchObject({ estimate: { pages: 1, movies: 1 } });
    // Last: these publish thousands of ids.
    expect(await json('produce changes')).toMatchObject({ days: 1 });
    expect(await json('produce export')).toHaveProperty('published');
    serving.kill('SIGTERM');
    const withJson = [...commandsByWords].flatMap(([words, { shape }]) => (shape ? [words] : []));
    expect([...outputs.keys()].toSorted()).toEqual(withJson.toSorted());
  });
});

/** Changes the id of the cluster in the ledger, as if the cluster were a mirror of another one. */
async function renameCluster(path: string, clusterId: string): Promise<void> {
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  for (const table of ['load_positions', 'load_batches']) {
    await connection.run(`update bronze.${table} set cluster_id = '${clusterId}'`);
  }
  connection.closeSync();
  instance.closeSync();
}
