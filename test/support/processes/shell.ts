import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

/** A command that runs in a terminal of its own. */
export interface RunningCommand {
  readonly command: string;
  readonly child: ChildProcess;
  /** Everything that it has written. */
  readonly output: () => string;
  /** Its exit code. */
  readonly exited: Promise<number | null>;
}

/** The terminals of a person at one machine: runs commands literally, by the shell, in one folder. */
export class Shell implements AsyncDisposable {
  readonly #cwd: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #running: RunningCommand[] = [];

  /** @param env in addition to PATH and HOME. */
  constructor(cwd: string, env: Readonly<Record<string, string>> = {}) {
    const { PATH = '', HOME = '' } = process.env;
    this.#cwd = cwd;
    this.#env = { PATH, HOME, ...env };
  }

  /** Starts a command in a terminal of its own: in its own process group, which Ctrl-C reaches as a whole. */
  start(command: string): RunningCommand {
    const child = spawn('sh', ['-c', command], {
      cwd: this.#cwd,
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data) => {
        text += data;
      });
    }
    const exited = once(child, 'close').then(([code]) => code as number | null);
    const running = { command, child, output: () => text, exited };
    this.#running.push(running);
    return running;
  }

  /** Runs a command to its end. */
  async run(command: string): Promise<{ readonly code: number | null; readonly output: string }> {
    const { exited, output } = this.start(command);
    const code = await exited;
    return { code, output: output() };
  }

  /** The command that was started last with this text and still runs. @throws Error if none does. */
  current(command: string): RunningCommand {
    const found = this.#running.findLast((one) => one.command === command && isRunning(one));
    if (!found) throw new Error(`${command} does not run`);
    return found;
  }

  /** Ctrl-C in the terminal of a command. @returns everything that it has written, when all of its processes have ended. */
  async interrupt(command: string): Promise<string> {
    const running = this.current(command);
    signalGroup(running, 'SIGINT');
    await running.exited;
    return running.output();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const left = this.#running.filter(isRunning);
    for (const one of left) signalGroup(one, 'SIGTERM');
    await Promise.race([Promise.all(left.map(({ exited }) => exited)), delay(40_000, undefined, { ref: false })]);
    for (const one of left.filter(isRunning)) signalGroup(one, 'SIGKILL');
  }
}

const isRunning = ({ child }: RunningCommand): boolean => child.exitCode === null && child.signalCode === null;

function signalGroup({ child }: RunningCommand, signal: NodeJS.Signals): void {
  try {
    process.kill(-(child.pid ?? 0), signal);
  } catch {
    // The group has ended.
  }
}
