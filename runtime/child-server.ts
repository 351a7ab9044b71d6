import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';

/**
 * Runs a server as a child that cannot outlive this process. When this process closes the child's standard input or dies (even by
 * kill -9), the shell stops the server, and kills it by its id if it has not ended after 15 s.
 */
const supervise = `
exec 3<&0 </dev/null
"$@" 3<&- >&2 &
server=$!
echo "$server"
(
  read -r _ <&3
  kill -TERM "$server" 2>/dev/null
  ticks=0
  while kill -0 "$server" 2>/dev/null && [ "$ticks" -lt 150 ]; do ticks=$((ticks + 1)); sleep 0.1; done
  [ "$ticks" -lt 150 ] || kill -KILL "$server" 2>/dev/null
) >/dev/null &
watcher=$!
exec 3<&-
wait "$server"
code=$?
kill "$watcher" 2>/dev/null
exit "$code"
`;

/** A server that runs as a child, such as Kafka or Redis. */
export interface ChildServer {
  readonly pid: number;
  /** Resolves with the exit code when it has ended. */
  readonly ended: Promise<number | null>;
  readonly hasEnded: () => boolean;
  /** From now on it does not keep this process alive; it ends when this process ends. */
  unref(): void;
  /** Asks it to stop; resolves when it has ended. Idempotent. */
  stop(): Promise<void>;
}

export interface ChildServerOptions {
  readonly cwd: string;
  readonly logFile: string;
  /** Its whole environment. @default the environment of this process */
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/**
 * Starts a server in a session of its own (a terminal's Ctrl-C does not reach it) with its output in `logFile`, which is replaced.
 * @param command the program and its arguments. @throws Error if the shell or the program cannot be run.
 */
export async function startChildServer(
  command: readonly string[],
  { cwd, logFile, env }: ChildServerOptions,
): Promise<ChildServer> {
  const log = openSync(logFile, 'w');
  const shell = spawn('sh', ['-c', supervise, 'sh', ...command], {
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
