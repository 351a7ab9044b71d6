import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { checkErrorStream } from '../support/commands/outputs.ts';

const cli = join(import.meta.dirname, '../../cli.ts');

/** A device on which every write fails as on a full disk. Only Linux has it. */
const full = process.platform === 'linux' ? openSync('/dev/full', 'w') : null;

describe.runIf(full !== null)('a standard stream on a full disk', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-full-'));
  const children: ChildProcess[] = [];
  afterAll(() => {
    for (const child of children) child.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  });
  const start = (args: readonly string[], stdio: ('pipe' | number)[], env: Readonly<Record<string, string>> = {}) => {
    const { PATH = '' } = process.env;
    const child = spawn(process.execPath, [cli, ...args], {
      cwd: folder,
      env: { PATH, DATA_DIR: folder, ...env },
      stdio: ['ignore', ...stdio],
    });
    children.push(child);
    return child;
  };
  const freePort = async (): Promise<number> => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    server.close();
    return typeof address === 'object' && address ? address.port : 0;
  };

  it('[R108] does not stop a service: it runs, counts the lost log lines, and drains', async () => {
    const port = await freePort();
    const env = { HTTP_LISTEN: `127.0.0.1:${port}`, TRANSFORM_SCHEDULE: '* * * * * *', LOG_LEVEL: 'info' };
    const child = start(['schedule'], ['pipe', full ?? 0], env);
    const lost = async () => {
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      return Number(/^tmdb_log_lines_lost_total (\d+)/m.exec(text)?.[1]);
    };
    await vi.waitFor(async () => expect(await lost()).toBeGreaterThan(1), { timeout: 60_000, interval: 100 });
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('[R108] makes a command that cannot write its data fail with a one-line message', async () => {
    const child = start(['--help'], [full ?? 0, 'pipe']);
    let stderr = '';
    child.stderr?.on('data', (data) => {
      stderr += data;
    });
    expect(await once(child, 'close')).toEqual([1, null]);
    expect(stderr).toBe('standard output cannot be written: no space left on its disk; make room\n');
  });
});

describe('a command that has closed everything', () => {
  it('[R160] ends, with its exit code, although a library has left a handle open', () => {
    const handle = 'data:text/javascript,setInterval(() => {}, 1_000)';
    const run = (...args: string[]) =>
      spawnSync(process.execPath, ['--import', handle, cli, ...args], { timeout: 60_000, encoding: 'utf8' });
    expect(run('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('Usage:') });
    expect(run('no-such-command')).toMatchObject({ status: 2, signal: null });
  });
});

describe('a reader that ends before the command, such as head', () => {
  it('makes the command exit with 1, and print a line of JSON if the reader is a program', async () => {
    const child = spawn(process.execPath, [cli, 'warehouse', 'provision', '--print', '--json']);
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (data) => {
      stderr += data;
    });
    expect(await once(child, 'close')).toEqual([1, null]);
    expect(checkErrorStream(stderr)).toMatchObject([
      { error: { code: 'output_unwritable', message: expect.stringContaining('its reader has ended'), exitCode: 1 } },
    ]);
  });
});
