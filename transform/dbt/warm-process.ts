import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { messageOf } from '../../runtime/errors.ts';
import type { DbtEnvironment } from './dbt.ts';
import { DbtError } from './dbt-error.ts';
import type { LogFollower } from './log-lines.ts';
import { endingOnAbort, endOf, type Invocation, type Runner } from './runner.ts';

/** Limits after which a new process replaces this one: the next command then includes its start. */
export interface WarmBounds {
  /** Commands that it has run. @default 2000 */
  readonly maxCommands: number;
  /** Its resident memory after a command, in megabytes. @default 1024 */
  readonly maxMemoryMb: number;
}

/** The first and the last line that `warm.py` writes for a command: no line of dbt's own log begins like these. */
const [firstLine, lastLine] = ['{"begun":', '{"ended":'];

interface Ended {
  readonly exitCode: number;
  readonly memoryMb: number;
}

/** One process for all commands, which parses the project once. `warm.py` is its other side and documents the protocol. */
export class WarmProcess implements Runner {
  readonly #place: DbtEnvironment;
  readonly #bounds: WarmBounds;
  #process: DbtServer | null = null;

  constructor(place: DbtEnvironment, bounds: Partial<WarmBounds>) {
    this.#place = place;
    this.#bounds = { maxCommands: 2000, maxMemoryMb: 1024, ...bounds };
  }

  async invoke(invocation: Invocation, log: LogFollower, signal: AbortSignal): Promise<string> {
    const kept = this.#process;
    if (kept !== null) {
      const answer = await this.#ask(kept, invocation, log, signal);
      // The process died between two commands, before this one began: nothing was executed.
      if (typeof answer !== 'string' || kept.hasBegun || signal.aborted) return this.#endOf(kept, answer);
    }
    this.#process = new DbtServer(this.#place);
    return this.#endOf(this.#process, await this.#ask(this.#process, invocation, log, signal));
  }

  #ask(process: DbtServer, invocation: Invocation, log: LogFollower, signal: AbortSignal): Promise<Ended | string> {
    return endingOnAbort(process.child, signal, process.ask(invocation, log, signal));
  }

  /** @returns how the command ended. A process that has ended or exceeds its limits is not reused. */
  async #endOf(process: DbtServer, answer: Ended | string): Promise<string> {
    if (typeof answer === 'string') {
      this.#process = null;
      return answer;
    }
    const isSpent = process.commands >= this.#bounds.maxCommands || answer.memoryMb > this.#bounds.maxMemoryMb;
    if (isSpent) await this[Symbol.asyncDispose]();
    return `exit code ${answer.exitCode}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const process = this.#process;
    this.#process = null;
    await process?.end();
  }
}

/** A warm process and its protocol. */
class DbtServer {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  commands = 0;
  /** Whether it has begun the last command that it received. */
  hasBegun = false;
  readonly #over: Promise<string>;
  #log: LogFollower | null = null;
  #onEnded: (ended: Ended) => void = () => {};

  constructor({ environmentDir, projectDir, workDir, env }: DbtEnvironment) {
    const script = join(import.meta.dirname, 'warm.py');
    const python = join(environmentDir, 'bin', 'python');
    this.child = spawn(python, [script, projectDir], { cwd: workDir, env, stdio: ['pipe', 'pipe', 'pipe'] });
    // A process that has ended does not read; its `close` event reports that.
    this.child.stdin.on('error', () => {});
    createInterface({ input: this.child.stdout }).on('line', (line) => this.#onLine(line));
    createInterface({ input: this.child.stderr }).on('line', (line) => this.#log?.take(line));
    this.#over = once(this.child, 'close').then(([code, killedBy]) => endOf(code, killedBy));
    // Between two commands, the process must not keep this one alive.
    this.#over.catch(() => {});
  }

  /** @returns its answer; or, if it ended without an answer or after an abort, how it ended. */
  async ask(invocation: Invocation, log: LogFollower, signal: AbortSignal): Promise<Ended | string> {
    this.commands += 1;
    this.hasBegun = false;
    this.#log = log;
    const answer = new Promise<Ended>((resolve) => {
      this.#onEnded = resolve;
    });
    this.child.stdin.write(`${JSON.stringify(invocation)}\n`);
    try {
      const first = await Promise.race([answer, this.#over]);
      return signal.aborted ? await this.#over : first;
    } catch (error) {
      throw new DbtError(`dbt cannot be started: ${messageOf(error)}`);
    } finally {
      this.#log = null;
    }
  }

  /** It ends when its input is closed. */
  async end(): Promise<void> {
    this.child.stdin.end();
    await this.#over.catch(() => {});
  }

  #onLine(line: string): void {
    if (line.startsWith(firstLine)) this.hasBegun = true;
    else if (line.startsWith(lastLine)) this.#onEnded(JSON.parse(line).ended);
    else this.#log?.take(line);
  }
}
