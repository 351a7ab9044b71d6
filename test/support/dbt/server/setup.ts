import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** A Python environment whose dbt starts in a fraction of the time: its `bin/python` asks a server to fork. */
    readonly dbtEnvironment: string;
  }
}

const python = join(import.meta.dirname, '../../../../.tools/dbt/bin/python');

/**
 * Starts the server, which imports dbt when it is first asked to run it. All projects of a run share one server: the first project
 * starts it. Processes of the fast tier find it by TEST_DBT_ENVIRONMENT (see `flags.ts`), which the workers inherit.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const running = process.env['TEST_DBT_ENVIRONMENT'];
  if (running !== undefined) {
    project.provide('dbtEnvironment', running);
    return async () => {};
  }
  const dir = await mkdtemp(join(tmpdir(), 'tmdb-stream-dbt-'));
  const bin = join(dir, 'bin');
  await mkdir(bin);
  const client = await readFile(join(import.meta.dirname, 'client.py'), 'utf8');
  // -I and -S ignore the environment and all packages, so that Python starts in a few milliseconds.
  await writeFile(join(bin, 'python'), `#!${python} -IS\n${client}`);
  await chmod(join(bin, 'python'), 0o755);
  const socket = join(bin, 'socket');
  const server = spawn(python, [join(import.meta.dirname, 'server.py'), socket], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  // The server reports that it listens. If it cannot listen, it has already printed the reason.
  const [first] = await Promise.race([once(server.stdout, 'data'), once(server, 'exit')]);
  if (!Buffer.isBuffer(first)) throw new Error(`the dbt server does not start: exit code ${first}`);
  project.provide('dbtEnvironment', dir);
  process.env['TEST_DBT_ENVIRONMENT'] = dir;
  return async () => {
    const exited = once(server, 'exit');
    server.stdin.end();
    if (server.exitCode === null && server.signalCode === null) await exited;
    await rm(dir, { recursive: true, force: true });
  };
}
