import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, inject, it, vi } from 'vitest';
import { dbtCpuSeconds } from '../../support/dbt/server/cpu.ts';

const dir = mkdtempSync(join(tmpdir(), 'dbt-server-test-'));
afterAll(() => rmSync(dir, { recursive: true }));

/** Makes the server run a script, as `transform/dbt` makes Python run it. */
function start(program: string, args: readonly string[] = [], more: Record<string, string> = {}): ChildProcess {
  const script = join(dir, 'script.py');
  writeFileSync(script, program);
  const env = { GREETING: 'hello', ...more };
  return spawn(join(inject('dbtEnvironment'), 'bin', 'python'), [script, ...args], { cwd: dir, env });
}

async function ended(child: ChildProcess): Promise<{ code: number | null; signal: string | null; output: string }> {
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data) => (output += data));
  const [code, signal] = await once(child, 'close');
  return { code, signal, output };
}

/** Waits until the script prints its process id. */
async function pidOf(child: ChildProcess): Promise<number> {
  const [line] = await once(child.stdout as NonNullable<ChildProcess['stdout']>, 'data');
  return Number(line);
}

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

const waiting = 'import os, time\nprint(os.getpid(), flush=True)\nwhile True: time.sleep(0.1)\n';

describe("a script that the tests' dbt server runs", () => {
  it('has its arguments, only its own environment, its folder and its streams', async () => {
    const child = start(
      'import os, sys\nprint(sys.argv[1:], sorted({*os.environ} - {"LC_CTYPE"}), os.getcwd(), sys.stdin.read())',
      ['a b'],
    );
    child.stdin?.end('what it reads');
    const { code, output } = await ended(child);
    expect(output).toBe(`['a b'] ['GREETING'] ${dir} what it reads\n`);
    expect(code).toBe(0);
  });

  it('uses the time zone of its environment', async () => {
    const program = 'import time\nprint(time.strftime("%z", time.localtime(0)))';
    expect(await ended(start(program, [], { TZ: 'Asia/Tokyo' }))).toMatchObject({ output: '+0900\n' });
    expect(await ended(start(program, [], { TZ: 'UTC' }))).toMatchObject({ output: '+0000\n' });
  });

  it.each([
    ['import sys\nsys.exit(3)', 3, ''],
    ['import sys\nsys.exit("no")', 1, 'no\n'],
    ['1 / 0', 1, 'ZeroDivisionError'],
    ['import os\nos._exit(4)', 4, ''],
  ])('ends as it does in Python: %j with exit code %i', async (program, code, said) => {
    const outcome = await ended(start(program));
    expect(outcome).toMatchObject({ code, signal: null, output: expect.stringContaining(said) });
  });

  it('ends by the signal that it receives', async () => {
    const child = start(waiting);
    const pid = await pidOf(child);
    child.kill('SIGTERM');
    expect(await ended(child)).toMatchObject({ signal: 'SIGTERM' });
    expect(isRunning(pid)).toBe(false);
  });

  it.runIf(process.platform === 'linux')('costs CPU time that counts for the process that started it', async () => {
    const spentBy = (pid: number) => dbtCpuSeconds(pid, inject('dbtEnvironment'));
    const before = spentBy(process.pid);
    await ended(start('import time\nwhile time.process_time() < 0.3: pass'));
    expect(spentBy(process.pid) - before).toBeGreaterThan(0.2);
    expect(spentBy(0)).toBe(0);
  });

  it('ends when its client is killed', async () => {
    const child = start(waiting);
    const pid = await pidOf(child);
    child.kill('SIGKILL');
    await vi.waitFor(() => expect(isRunning(pid)).toBe(false), { timeout: 30_000 });
  });

  it('runs at the same time as other scripts', async () => {
    const first = start(waiting);
    await pidOf(first);
    expect(await ended(start('print("second")'))).toMatchObject({ code: 0, output: 'second\n' });
    first.kill('SIGKILL');
  });
});
