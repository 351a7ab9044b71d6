import { join } from 'node:path';
import { expect } from 'vitest';
import { outcomeOf, type Workspace } from './cli.ts';
import { type CrashPoint, crashEnvironment, firedIn } from './crash-points.ts';
import { until } from './fleet.ts';

export interface Death extends CrashPoint {
  /** Whether its child processes are killed with it, except the broker, which ends by itself. @default false */
  readonly withChildren?: boolean;
}

let deaths = 0;

/** Runs a process until it is killed at the point: alone, or stopped there and killed with its child processes. */
export async function dieAt(
  { withChildren = false, ...point }: Death,
  workspace: Workspace,
  args: readonly string[],
): Promise<void> {
  const log = join(workspace.dataDir, `crash-points-${++deaths}`);
  const what = withChildren ? 'STOP_AT' : 'CRASH_AT';
  const child = workspace.start(args, crashEnvironment(what, point, log));
  const ended = outcomeOf(child);
  if (withChildren) {
    const isStopped = () => firedIn(log).length > 0 || child.exitCode !== null;
    await until('it is stopped', isStopped, { timeoutMs: 300_000, pollMs: 20 });
    process.kill(-(child.pid ?? 0), 'SIGKILL');
  }
  const { stderr } = await ended;
  expect(child.signalCode, `at ${point.point}: ${stderr}`).toBe('SIGKILL');
  expect(firedIn(log)).toEqual([`${what} ${point.point}:${point.hit}`]);
}
