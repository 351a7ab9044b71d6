import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Sandbox, type SandboxRequest, startSandbox } from '../../sandbox/server.ts';
import { audit } from '../support/audit/audit.ts';
import { outcomeOf, Workspace } from '../support/processes/cli.ts';
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

  it('[R40] stops with exit code 3 after at most 3 calls when the credentials are refused', async () => {
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

  it('[R106] prints what status can read while another program holds the DuckDB file, names that program, and exits with code 1', async () => {
    const holder = await DuckDBInstance.create(workspace.duckdbPath);
    try {
      const { code, stdout } = await workspace.run(['status', '--json']);
      const found = JSON.parse(stdout);
      const error = expect.stringMatching(new RegExp(`is open in \\S+ \\(pid ${process.pid}\\)`));
      for (const part of ['layers', 'last flush', 'last dbt run']) expect(found[part], part).toEqual([{ error }]);
      expect(found.topics).toContainEqual(
        expect.objectContaining({ topic: 'tmdb.raw-movies', records: 0, waiting: null }),
      );
      expect(code).toBe(1);
    } finally {
      holder.closeSync();
    }
  });

  it('[R5] drains at the first signal and exits with code 143; the next run fetches nothing again', async () => {
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

  it('runs the stages one at a time, each with its own command', { tags: ['full'] }, async () => {
    for (const args of [
      ['produce', 'genres'],
      ['produce', 'popular', '--pages', '1'],
      ['fetch', '--once'],
      ['load', '--once'],
      ['transform'],
    ]) {
      const { code, stderr } = await workspace.run(args);
      expect(`${args.join(' ')}: ${code}`, stderr).toBe(`${args.join(' ')}: 0`);
    }
    const { stdout } = await workspace.run(['status', '--json']);
    expect(JSON.parse(stdout).topics.map((topic: { waiting: number | null }) => topic.waiting)).toEqual([
      0,
      0,
      0,
      null,
    ]);
    expect((await workspace.run(['doctor'])).code).toBe(0);
  });
});
