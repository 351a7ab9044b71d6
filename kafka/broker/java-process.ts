import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';

/**
 * Runs java as a child that cannot outlive this process. When this process closes the child's standard input or dies (even by
 * kill -9), the shell stops java, and kills it by its id if it has not ended after 15 s.
 */
const supervise = `
exec 3<&0 </dev/null
"$@" 3<&- >&2 &
java=$!
echo "$java"
(
  read -r _ <&3
  kill -TERM "$java" 2>/dev/null
  ticks=0
  while kill -0 "$java" 2>/dev/null && [ "$ticks" -lt 150 ]; do ticks=$((ticks + 1)); sleep 0.1; done
  [ "$ticks" -lt 150 ] || kill -KILL "$java" 2>/dev/null
) >/dev/null &
watcher=$!
exec 3<&-
wait "$java"
code=$?
kill "$watcher" 2>/dev/null
exit "$code"
`;

export interface JavaProcess {
  readonly pid: number;
  /** Resolves with the exit code when java has ended. */
  readonly ended: Promise<number | null>;
  /** Whether java has ended. */
  readonly hasEnded: () => boolean;
  /** From now on java does not keep this process alive; it ends when this process ends. */
  unref(): void;
  /** Asks java to stop; resolves when it has ended. Idempotent. */
  stop(): Promise<void>;
}

export interface JavaOptions {
  readonly cwd: string;
  readonly logFile: string;
  /** Its whole environment. @default the environment of this process */
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/**
 * Starts java in a session of its own (a terminal's Ctrl-C does not reach it) with its output in `logFile`.
 * @throws Error if the shell or java cannot be run.
 */
export async function startJava(args: readonly string[], { cwd, logFile, env }: JavaOptions): Promise<JavaProcess> {
  const log = openSync(logFile, 'w');
  const shell = spawn('sh', ['-c', supervise, 'sh', 'java', ...args], {
    cwd,
    ...(env && { env }),
    detached: true,
    stdio: ['pipe', 'pipe', log],
  });
  closeSync(log);
  const ended = new Promise<number | null>((resolve) => {
    shell.once('exit', resolve).once('error', () => resolve(null));
  });
  const pid = await firstLine(shell);
  let hasEnded = false;
  const noted = ended.then((code) => {
    hasEnded = true;
    return code;
  });
  return {
    pid,
    ended: noted,
    hasEnded: () => hasEnded,
    unref: () => {
      shell.unref();
      for (const pipe of [shell.stdin, shell.stdout]) (pipe as Socket | null)?.unref();
    },
    stop: async () => {
      shell.ref();
      shell.stdin?.destroy();
      await noted;
    },
  };
}

async function firstLine(shell: ChildProcess): Promise<number> {
  if (!shell.stdout || !shell.stdin) throw new Error('the shell has no pipes');
  shell.stdin.on('error', () => {});
  const lines = createInterface(shell.stdout);
  const [line] = await Promise.race([once(lines, 'line'), once(shell, 'exit').then(() => [''])]);
  lines.close();
  return Number(line);
}

/** The end of a log, for an error message. */
export const tailOf = (logFile: string, lines = 15): string =>
  readFileSync(logFile, 'utf8').trim().split('\n').slice(-lines).join('\n');
