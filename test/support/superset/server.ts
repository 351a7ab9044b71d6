import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../network/free-port.ts';

const root = join(import.meta.dirname, '../../..');
const password = 'a password of the tests';

/** What the API answered. */
export interface ApiAnswer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: the tests look at what they expect.
  readonly body: any;
}

/** Superset as `deploy/superset/start.sh` starts it, and its API as the user admin. */
export class SupersetServer implements AsyncDisposable {
  readonly url: string;
  readonly #child: ChildProcess;
  /** The server closes a connection that is idle for two seconds, perhaps while the next request is on its way. */
  readonly #headers: Record<string, string> = { connection: 'close' };

  private constructor(url: string, child: ChildProcess) {
    this.url = url;
    this.#child = child;
  }

  /** @param folder for its own files. @param goldPath of the published GOLD. */
  static async start(folder: string, goldPath: string): Promise<SupersetServer> {
    mkdirSync(folder, { recursive: true });
    const files = { key: join(folder, 'key'), password: join(folder, 'password'), log: join(folder, 'log') };
    writeFileSync(files.key, 'k'.repeat(42));
    writeFileSync(files.password, password);
    const address = `127.0.0.1:${await freePort()}`;
    const log = openSync(files.log, 'w');
    const child = spawn(join(root, 'deploy/superset/start.sh'), {
      env: {
        PATH: `${join(root, '.tools/superset/bin')}:${process.env['PATH']}`,
        SUPERSET_HOME: join(folder, 'home'),
        SUPERSET_LISTEN: address,
        SUPERSET_SECRET_KEY_FILE: files.key,
        SUPERSET_ADMIN_PASSWORD_FILE: files.password,
        DUCKDB_GOLD_PATH: goldPath,
      },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    const server = new SupersetServer(`http://${address}`, child);
    try {
      await server.#untilReady(files.log);
      await server.#logIn();
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  async #untilReady(log: string): Promise<void> {
    for (;;) {
      if (this.#child.exitCode !== null) throw new Error(`Superset ended:\n${readFileSync(log, 'utf8').slice(-4_000)}`);
      const isReady = await fetch(new URL('/health', this.url)).then(
        ({ ok }) => ok,
        () => false,
      );
      if (isReady) return;
      await delay(200);
    }
  }

  async #logIn(): Promise<void> {
    const login = await this.post('/api/v1/security/login', { username: 'admin', password, provider: 'db' });
    this.#headers['authorization'] = `Bearer ${login.body.access_token}`;
    const response = await fetch(new URL('/api/v1/security/csrf_token/', this.url), { headers: this.#headers });
    const { result } = (await response.json()) as { result: string };
    this.#headers['cookie'] = response.headers
      .getSetCookie()
      .map((cookie) => cookie.split(';')[0])
      .join('; ');
    this.#headers['x-csrftoken'] = result;
    this.#headers['referer'] = this.url;
  }

  /** The headers of a visitor who has logged in, without the token of a form. */
  get headersWithoutCsrf(): Record<string, string> {
    const { authorization = '', cookie = '' } = this.#headers;
    return { authorization, cookie, connection: 'close', 'content-type': 'application/json' };
  }

  get(path: string): Promise<ApiAnswer> {
    return this.#send(path, { headers: this.#headers });
  }

  post(path: string, body: unknown, method = 'POST'): Promise<ApiAnswer> {
    const headers = { ...this.#headers, 'content-type': 'application/json' };
    return this.#send(path, { method, headers, body: JSON.stringify(body) });
  }

  async #send(path: string, options: RequestInit): Promise<ApiAnswer> {
    const response = await fetch(new URL(path, this.url), options);
    const text = await response.text();
    try {
      return { status: response.status, body: JSON.parse(text) };
    } catch {
      return { status: response.status, body: text };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGTERM');
    await closed;
  }
}
