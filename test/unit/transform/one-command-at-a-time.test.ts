import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { DbtEnvironment } from '../../../transform/dbt/dbt.ts';
import { DbtError } from '../../../transform/dbt/dbt-error.ts';
import { OneCommandAtATime } from '../../../transform/dbt/one-command-at-a-time.ts';
import type { Invocation, Runner } from '../../../transform/dbt/runner.ts';

let workDir: string;
beforeEach(async () => {
  workDir = await mkdtemp(join(tmpdir(), 'dbt-work-'));
});
afterEach(() => rm(workDir, { recursive: true }));

const signal = new AbortController().signal;
const built = { unique_id: 'model.p.a', status: 'success', execution_time: 1, adapter_response: {}, timing: [] };
const success = { metadata: { invocation_id: 'id' }, args: { which: 'build' }, results: [built] };

/** A runner that follows a script, and records its commands. */
function runner(carryOut: (invocation: Invocation) => Promise<string>): Runner & { readonly asked: string[][] } {
  const asked: string[][] = [];
  return {
    asked,
    invoke: (invocation) => {
      asked.push([...invocation.args]);
      return carryOut(invocation);
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

const dbtOn = (of: Runner) => {
  const place: DbtEnvironment = {
    ...{ projectDir: '/project', environmentDir: '/python', workDir, env: {} },
    // A warehouse without a run: `contract/run-log` tests what is written.
    openRunLog: async () => ({
      query: async () => [],
      write: () => expect.unreachable(),
      [Symbol.asyncDispose]: async () => {},
    }),
  };
  return new OneCommandAtATime(place, of);
};

const leaving = (results: object) => async (invocation: Invocation) => {
  await mkdir(join(workDir, 'target'), { recursive: true });
  await writeFile(invocation.resultsFile, JSON.stringify(results));
  return 'exit code 0';
};

it('runs one command at a time, and runs the next one after a failure', async () => {
  let running = 0;
  const busy = runner(async (invocation) => {
    expect(++running).toBe(1);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    return busy.asked.length === 1 ? 'exit code 2' : await leaving(success)(invocation);
  });
  const dbt = dbtOn(busy);
  const [first, second] = await Promise.allSettled([
    dbt.run({ command: 'build', signal }),
    dbt.run({ command: 'test', signal }),
  ]);
  expect(first).toMatchObject({ status: 'rejected', reason: { message: 'dbt build ended with exit code 2' } });
  expect(second).toMatchObject({ status: 'fulfilled', value: { status: 'success', runId: 'id' } });
});

it('fails like dbt if a full disk truncated its results', async () => {
  const cut = runner(async (invocation) => {
    await mkdir(join(workDir, 'target'), { recursive: true });
    await writeFile(invocation.resultsFile, '{"metadata": {"invoc');
    return 'exit code 2';
  });
  await expect(dbtOn(cut).run({ command: 'build', signal })).rejects.toThrow(/^dbt build ended with exit code 2/);
  await expect(dbtOn(cut).freshness({ signal })).rejects.toThrow(DbtError);
});

it('checks freshness with the variables of the previous run, so that the project need not be parsed again', async () => {
  const dutiful = runner(async (invocation) => {
    const isRun = invocation.resultsFile.endsWith('run_results.json');
    return leaving(isRun ? success : { results: [] })(invocation);
  });
  const dbt = dbtOn(dutiful);
  await dbt.run({ command: 'build', vars: { top_movies: 5 }, signal });
  expect(await dbt.freshness({ signal })).toEqual([]);
  const variables = dutiful.asked.map((args) => args[args.indexOf('--vars') + 1]);
  expect(variables).toEqual(['{"top_movies":5}', '{"top_movies":5}']);
});

it('does not return the results of the previous command', async () => {
  let isFirst = true;
  const dbt = dbtOn(
    runner(async (invocation) => {
      if (!isFirst) return 'signal SIGKILL';
      isFirst = false;
      return leaving(success)(invocation);
    }),
  );
  await dbt.run({ command: 'build', signal });
  await expect(dbt.run({ command: 'build', signal })).rejects.toMatchObject({
    message: 'dbt build ended with signal SIGKILL',
    summary: null,
  });
});

it('does not start dbt if there is nothing to retry, or after an abort', async () => {
  const never = runner(() => expect.unreachable());
  const dbt = dbtOn(never);
  expect(await dbt.run({ command: 'retry', signal })).toMatchObject({ status: 'nothing to retry', runId: '' });
  const aborted = AbortSignal.abort(new Error('enough'));
  await expect(dbt.run({ command: 'build', signal: aborted })).rejects.toThrow('enough');
  await expect(dbt.freshness({ signal: aborted })).rejects.toThrow('enough');
});
