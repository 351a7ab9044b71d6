import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, it } from 'vitest';
import type { DbtEnvironment } from '../../../transform/dbt/dbt.ts';
import { openWarmDbt } from '../../../transform/dbt/open-dbt.ts';
import { environmentDir, root, WarehouseFile } from '../../support/dbt/warehouse-file.ts';

/** The environment of a file, with a Python that records the id of each process. */
async function noting(file: WarehouseFile): Promise<{ place: DbtEnvironment; pids: () => Promise<number[]> }> {
  const noted = join(file.dir, 'pids');
  const bin = join(file.dir, 'environment', 'bin');
  await mkdir(bin, { recursive: true });
  await writeFile(noted, '');
  const python = join(bin, 'python');
  await writeFile(python, `#!/bin/sh\necho $$ >> '${noted}'\nexec '${join(environmentDir, 'bin', 'python')}' "$@"\n`);
  await chmod(python, 0o755);
  return {
    place: { ...file.place(), environmentDir: join(file.dir, 'environment') },
    pids: async () => (await readFile(noted, 'utf8')).split('\n').filter(Boolean).map(Number),
  };
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const signal = new AbortController().signal;

it('is one process for all commands, and another one after it died or a command was aborted', async () => {
  await using file = await WarehouseFile.create();
  const { place, pids } = await noting(file);
  const dbt = openWarmDbt(place);
  await file.run(dbt);
  await dbt.freshness({ signal });
  await file.run(dbt);
  const [first = 0, ...none] = await pids();
  expect(none).toEqual([]);

  process.kill(first, 'SIGKILL');
  await expect.poll(() => isAlive(first), { timeout: 20_000 }).toBe(false);
  await file.run(dbt);
  const second = (await pids())[1] ?? 0;

  const controller = new AbortController();
  const aborted = file.run(dbt, { signal: controller.signal, onProgress: () => controller.abort(new Error('enough')) });
  await expect(aborted).rejects.toThrow('enough');
  expect(isAlive(second)).toBe(false);
  expect(await file.run(dbt)).toMatchObject({ status: 'success' });

  const third = (await pids())[2] ?? 0;
  expect(isAlive(third)).toBe(true);
  await dbt[Symbol.asyncDispose]();
  expect(isAlive(third)).toBe(false);
});

it('is replaced when it is killed between two commands, even before the kill is noticed', async () => {
  await using file = await WarehouseFile.create();
  const { place, pids } = await noting(file);
  await using dbt = openWarmDbt(place);
  for (const round of [1, 2, 3]) {
    expect(await file.run(dbt, { command: 'run' })).toMatchObject({ status: 'success' });
    expect(await pids()).toHaveLength(round);
    // The next command follows at once, before the end of the process is noticed.
    process.kill((await pids())[round - 1] ?? Number.NaN, 'SIGKILL');
  }
});

it('reports how the process ended if it is killed during a run', async () => {
  await using file = await WarehouseFile.create();
  const { place, pids } = await noting(file);
  await using dbt = openWarmDbt(place);
  const [first = 0] = await (async () => {
    await dbt.freshness({ signal });
    return pids();
  })();
  let isKilled = false;
  const killOnce = () => {
    if (!isKilled) process.kill(first, 'SIGKILL');
    isKilled = true;
  };
  await expect(file.run(dbt, { onProgress: ({ done }) => done === 1 && killOnce() })).rejects.toThrow('SIGKILL');
  expect(await file.run(dbt)).toMatchObject({ status: 'success' });
});

it.each([{ maxCommands: 1 }, { maxMemoryMb: 1 }])('is replaced when it exceeds its limits: %o', async (bounds) => {
  await using file = await WarehouseFile.create();
  const { place, pids } = await noting(file);
  await using dbt = openWarmDbt(place, bounds);
  await file.run(dbt, { command: 'run' });
  expect(await file.run(dbt, { command: 'run' })).toMatchObject({ status: 'success' });
  expect((await pids()).map(isAlive)).toEqual([false, false]);
});

it.each(['warm.py', 'cold.py'])('ends and releases the file when its client is dead: %s', async (script) => {
  await using file = await WarehouseFile.create();
  const { env, projectDir } = file.place();
  const python = join(environmentDir, 'bin', 'python');
  const place = ['--project-dir', projectDir, '--profiles-dir', projectDir, '--target-path', join(file.dir, 'target')];
  const args = ['--log-format', 'json', 'build', ...place, '--log-path', file.dir];
  const parseArgs = ['parse', ...place, '--log-path', file.dir];
  const said = script === 'warm.py' ? [projectDir] : args;
  const child = spawn(python, [join(root, 'transform/dbt', script), ...said], {
    env,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const closed = once(child, 'close');
  if (script === 'warm.py')
    child.stdin.write(`${JSON.stringify({ args, parseArgs, resultsFile: join(file.dir, 'run_results.json') })}\n`);
  for await (const line of createInterface({ input: child.stdout })) {
    // Closes the pipe in the middle of the run, as the kernel does for a killed process.
    if (line.includes('"LogModelResult"')) child.stdin.destroy();
    expect(line).not.toContain('{"ended"');
  }
  await closed;
  expect(await file.query('select 1 as free')).toEqual([{ free: 1 }]);
});
