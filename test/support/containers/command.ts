import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface Options {
  readonly cwd?: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Ends the command, which then counts as failed. */
  readonly timeoutMs?: number;
}

export interface Outcome {
  readonly code: number;
  /** Standard output and standard error, in their order. */
  readonly output: string;
  readonly stdout: string;
}

/** Runs a command to its end and returns how it ended; if it cannot be started, the code is 127, as in a shell. */
export async function attempt(command: string, args: readonly string[], options: Options = {}): Promise<Outcome> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs, killSignal: 'SIGKILL' as const }),
  });
  let output = '';
  let stdout = '';
  const onData = (data: Buffer) => (output += data);
  child.stdout.on('data', (data) => (stdout += data)).on('data', onData);
  child.stderr.on('data', onData);
  // A command may end without reading its input.
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  try {
    const [code] = await once(child, 'close');
    return { code: code ?? 137, output, stdout };
  } catch (error) {
    return { code: 127, output: `${command} cannot be run: ${(error as Error).message}`, stdout: '' };
  }
}

/** As `attempt`. @returns standard output. @throws Error with the last lines of the output if the command fails. */
export async function run(command: string, args: readonly string[], options: Options = {}): Promise<string> {
  const { code, output, stdout } = await attempt(command, args, options);
  if (code === 0) return stdout;
  const tail = output.trim().split('\n').slice(-25).join('\n');
  throw new Error(`exit code ${code}: ${command} ${args.join(' ')}\n${tail}`);
}
