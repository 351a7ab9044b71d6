import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { messageOf } from '../../runtime/errors.ts';
import type { DbtEnvironment } from './dbt.ts';
import { DbtError } from './dbt-error.ts';
import type { LogFollower } from './log-lines.ts';
import { endingOnAbort, endOf, type Invocation, type Runner } from './runner.ts';

/** One process for each command, which ends with this process, also after a kill. When it has ended, the DuckDB file is released. */
export class ProcessPerCommand implements Runner {
  readonly #place: DbtEnvironment;

  constructor(place: DbtEnvironment) {
    this.#place = place;
  }

  async invoke({ args }: Invocation, log: LogFollower, signal: AbortSignal): Promise<string> {
    const { environmentDir, workDir, env } = this.#place;
    const python = join(environmentDir, 'bin', 'python');
    const script = join(import.meta.dirname, 'cold.py');
    const child = spawn(python, [script, '--skip-extras', ...args], {
      cwd: workDir,
      env,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => log.take(line));
    }
    try {
      const [code, killedBy] = await endingOnAbort(child, signal, once(child, 'close'));
      return endOf(code, killedBy);
    } catch (error) {
      throw new DbtError(`dbt cannot be started: ${messageOf(error)}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
