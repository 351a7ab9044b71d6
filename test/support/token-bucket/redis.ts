import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { createClient } from '@redis/client';
import { freePort } from '../network/free-port.ts';

const binary = join(import.meta.dirname, '../../../.tools/redis/redis-server');

/** The server cannot outlive this process: when our end of standard input closes, it is killed by its id. */
const supervise = `
"$@" >/dev/null 2>&1 </dev/null &
server=$!
echo "$server"
cat >/dev/null
kill -KILL "$server"
wait "$server"
`;

interface RedisServerOptions {
  readonly password?: string;
}

/** A real redis-server on a free loopback port. After a restart, it has only the data that `SAVE` wrote. */
export class RedisServer implements AsyncDisposable {
  readonly url: string;
  readonly #args: readonly string[];
  readonly #dir: string;
  #process: { readonly pid: number; readonly kill: () => Promise<void> } | undefined;

  private constructor(port: number, dir: string, { password }: RedisServerOptions) {
    this.url = `redis://${password === undefined ? '' : `:${encodeURIComponent(password)}@`}127.0.0.1:${port}`;
    this.#dir = dir;
    const settings = {
      bind: '127.0.0.1',
      port: String(port),
      dir,
      save: '',
      ...(password && { requirepass: password }),
    };
    this.#args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  }

  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    if (!existsSync(binary)) throw new Error(`${binary} is missing: npm run check installs it`);
    const dir = await mkdtemp(join(tmpdir(), 'tmdb-stream-redis-'));
    for (let tries = 1; ; tries += 1) {
      const server = new RedisServer(await freePort(), dir, options);
      try {
        await server.start();
        return server;
      } catch (error) {
        await server.kill();
        // Another process has taken the port meanwhile.
        if (tries === 3) throw error;
      }
    }
  }

  /** Starts it (again), on the same port. */
  async start(): Promise<void> {
    const shell = spawn('sh', ['-c', supervise, 'sh', binary, ...this.#args], { stdio: ['pipe', 'pipe', 'ignore'] });
    const exited = once(shell, 'exit');
    const [pid] = await once(createInterface({ input: shell.stdout }), 'line');
    const kill = async () => {
      shell.stdin.end();
      await exited;
    };
    this.#process = { pid: Number(pid), kill };
    await this.#ready();
  }

  /** Kills it. Unsaved data is lost. */
  async kill(): Promise<void> {
    await this.#process?.kill();
    this.#process = undefined;
  }

  /** Suspends it during `action`: connections stay open, but it does not answer. */
  async frozenDuring(action: () => Promise<void>): Promise<void> {
    if (!this.#process) throw new Error('it is not running');
    process.kill(this.#process.pid, 'SIGSTOP');
    try {
      await action();
    } finally {
      process.kill(this.#process.pid, 'SIGCONT');
    }
  }

  /** Sends one command, as redis-cli would. */
  async command(...args: string[]): Promise<unknown> {
    const client = createClient({ url: this.url, socket: { reconnectStrategy: false } });
    client.on('error', () => {});
    try {
      await client.connect();
      return await client.sendCommand(args);
    } finally {
      client.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #ready(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const info = String(await this.command('INFO', 'server'));
        if (info.includes(`process_id:${this.#process?.pid}\r`)) return;
        throw new Error(`another server has the port of ${this.url}`);
      } catch (error) {
        if (attempt === 500) throw error;
        await delay(20);
      }
    }
  }
}
