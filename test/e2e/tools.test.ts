import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { compileCache } from '../support/processes/compile-cache.ts';
import { casesOf } from '../tiers.ts';

const cli = join(import.meta.dirname, '../../cli.ts');
const mark = { START_MJS_CHANNEL: '1' };

/** Starts the command line as `scripts/start.mjs` does, with its variable. The test sends the answers. */
describe('a command that may need tools', () => {
  let dataDir: string;
  const started: ChildProcess[] = [];
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'tmdb-stream-tools-'));
  });
  afterEach(() => {
    for (const child of started.splice(0)) child.kill('SIGKILL');
    rmSync(dataDir, { recursive: true, force: true });
  });

  function start(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const { PATH = '', HOME = '' } = process.env;
    const child = fork(cli, args, {
      cwd: dataDir,
      env: { PATH, HOME, ...compileCache, DATA_DIR: dataDir, ...mark, ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    started.push(child);
    const asked: unknown[] = [];
    child.on('message', (message) => asked.push(message));
    return { child, asked, ended: once(child, 'exit').then(([code]) => code as number | null) };
  }

  const withoutTools: [line: string, code: number][] = [
    ['--help', 0],
    ['--version', 0],
    ['help replay', 0],
    ['warehouse provision --print', 0],
    ['frobnicate', 2],
    ['run --pages 0', 2],
  ];

  it.each(casesOf(withoutTools, [3, 5]))('"%s" asks for no tools', async (line, code) => {
    const { asked, ended } = start(line.split(' '));
    expect(await ended).toBe(code);
    expect(asked).toEqual([]);
  });

  const withTools: [args: readonly string[], env: Record<string, string>, tools: readonly string[]][] = [
    [['transform'], {}, ['dbt']],
    [['topics'], {}, ['kafka']],
    [['run', '--once'], {}, ['dbt', 'kafka']],
    [['run', '--once'], { KAFKA_BROKERS: '127.0.0.1:1' }, ['dbt']],
    [['up'], { PATH: '/nowhere' }, ['kafka', 'redis']],
  ];

  it.each(casesOf(withTools, [2, 4]))(
    '%s with %o asks before it does anything, and exits with 1 if the tools are not installed',
    async (args, env, tools) => {
      const { child, asked, ended } = start(args, env);
      await once(child, 'message');
      expect(asked).toEqual([{ install: tools }]);
      child.send('not installed');
      expect(await ended).toBe(1);
    },
  );

  it.each(casesOf(['redis-server', 'valkey-server']))('needs no Redis if %s is installed', async (program) => {
    const bin = join(dataDir, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, program), '');
    const { child, asked } = start(['up'], { PATH: bin });
    await once(child, 'message');
    expect(asked).toEqual([{ install: ['kafka'] }]);
  });

  it('continues when the tools are installed', async () => {
    const { child, ended } = start(['transform']);
    let stderr = '';
    child.stderr?.on('data', (data) => {
      stderr += data;
    });
    await once(child, 'message');
    child.send('installed');
    expect(await ended).toBe(2);
    expect(stderr).toContain('load something first');
  });

  it('sends nothing to a parent that is not start.mjs', async () => {
    const { asked, ended } = start(['transform'], { START_MJS_CHANNEL: '' });
    expect(await ended).toBe(2);
    expect(asked).toEqual([]);
  });

  it('does not stop when a parent that is not start.mjs closes its channel', async () => {
    const { child, ended } = start(['sandbox', '--port', '0'], { START_MJS_CHANNEL: '' });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data) => (output += data));
    const url = await vi.waitUntil(() => /listening on (\S+)/.exec(output)?.[1], { timeout: 30_000 });
    child.disconnect();
    // When it has answered both requests, it has noticed the closed channel.
    for (const _ of [1, 2]) await fetch(`${url}/sandbox/stats`);
    expect(output).not.toContain('finishing work');
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  });

  it.each([
    [['transform'], 143],
    [['fetch'], 0],
  ])('%s exits with %i when it receives a signal while it waits', async (args, code) => {
    const { child, ended } = start(args);
    await once(child, 'message');
    child.send('SIGTERM');
    expect(await ended).toBe(code);
  });
});
