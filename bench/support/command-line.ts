import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** The command line with these settings, in a process for each command. */
export class CommandLine {
  readonly #env: Readonly<Record<string, string>>;

  constructor(env: Readonly<Record<string, string>>) {
    const { PATH = '', HOME = '' } = process.env;
    this.#env = { PATH, HOME, ...env };
  }

  /** @param path of the DuckDB file. */
  start(path: string, args: readonly string[]): ChildProcess {
    return spawn(process.execPath, [join(import.meta.dirname, '../..', 'cli.ts'), ...args, '--json'], {
      env: { ...this.#env, DUCKDB_PATH: path },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  }

  /** @returns its output. */
  async run(path: string, args: readonly string[]): Promise<unknown> {
    const child = this.start(path, args);
    let output = '';
    child.stdout?.on('data', (data) => {
      output += data;
    });
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}`);
    return JSON.parse(output);
  }
}
