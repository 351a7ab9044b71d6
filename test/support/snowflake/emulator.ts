import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Secret } from '../../../runtime/secret.ts';
import type { SnowflakeSettings } from '../../../warehouse/snowflake/session.ts';
import { freePort } from '../network/free-port.ts';

const python = join(import.meta.dirname, '../../../.tools/snowflake/bin/python');
const program = join(import.meta.dirname, 'emulator/emulator.py');

interface SnowflakeEmulatorOptions {
  /** Seconds after which an idle transaction is rolled back if another session waits for it. @default 300 */
  readonly abortIdleBlockerSeconds?: number;
  /** Whether a login creates the database and the schema that it names, unlike Snowflake. @default true */
  readonly createOnLogin?: boolean;
  /** A file with the issuer of OIDC tokens: see `emulator/logins.py`. @default no workload may log in */
  readonly oidcFile?: string;
}

/** A statement in the emulator's log. */
export interface LoggedStatement {
  readonly sql: string;
  readonly ok: boolean;
  /** Its duration, including waits. */
  readonly ms: number;
  /** QUERY_TAG of the statement, or of the session if the statement has none. */
  readonly tag: string | null;
  readonly role: string;
  readonly user: string;
  /** The number of the session, counted from 1 at each start. */
  readonly session: number;
  readonly err: string | null;
}

/** Settings to log in as a user that the emulator's account does not know. Such a user needs no valid credentials. @param chosen additional settings. */
export const emulatorSettings = (url: string, chosen: Partial<SnowflakeSettings> = {}): SnowflakeSettings => ({
  account: 'fakesnow',
  user: 'tester',
  credentials: { kind: 'token', token: new Secret('made-up') },
  role: undefined,
  database: 'LECTURE_DE',
  ingestWarehouse: 'LECTURE_INGEST_WH',
  transformWarehouse: 'LECTURE_TRANSFORM_WH',
  analystRole: 'ANALYST_ROLE',
  dashboardPollMs: 60_000,
  url,
  timeoutMs: 20_000,
  ...chosen,
});

/**
 * Snowflake's protocol and SQL on a free loopback port, as a process of its own; `emulator/README.md` describes
 * what it emulates. Committed data survives `kill` and the next `start`. It ends when this process ends.
 */
export class SnowflakeEmulator implements AsyncDisposable {
  readonly port: number;
  /** For the driver's `accessUrl`. */
  readonly url: string;
  /** The file with one line of JSON for each statement, over all starts. */
  readonly sqlLog: string;
  readonly #args: readonly string[];
  readonly #dir: string;
  readonly #env: NodeJS.ProcessEnv;
  #process: ChildProcess | undefined;

  private constructor(port: number, dir: string, options: SnowflakeEmulatorOptions) {
    const { abortIdleBlockerSeconds = 300, createOnLogin = true } = options;
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.sqlLog = join(dir, 'sql.jsonl');
    this.#dir = dir;
    this.#env = { ...process.env, ...(options.oidcFile && { EMULATOR_OIDC: options.oidcFile }) };
    const settings = {
      port,
      'db-path': join(dir, 'databases'),
      'sql-log': this.sqlLog,
      'abort-idle-blocker': abortIdleBlockerSeconds,
    };
    this.#args = [
      ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
      ...(createOnLogin ? [] : ['--no-create-on-login']),
    ];
  }

  static async start(options: SnowflakeEmulatorOptions = {}): Promise<SnowflakeEmulator> {
    if (!existsSync(python)) throw new Error(`${python} is missing: npm run check installs it`);
    const dir = await mkdtemp(join(tmpdir(), 'tmdb-stream-snowflake-'));
    await mkdir(join(dir, 'databases'));
    const emulator = new SnowflakeEmulator(await freePort(), dir, options);
    await emulator.start();
    return emulator;
  }

  /** Starts it (again), on the same port and data. */
  async start(): Promise<void> {
    // When standard input closes, the emulator knows that this process has ended, for whatever reason.
    const args = ['-B', program, ...this.#args, '--end-with-stdin'];
    const child = spawn(python, args, { stdio: ['pipe', 'ignore', 'pipe'], env: this.#env });
    const complaint: Buffer[] = [];
    child.stderr.on('data', (data) => complaint.push(data));
    this.#process = child;
    await this.#ready(() => Buffer.concat(complaint).toString());
  }

  /** Kills it, and with it all sessions and open transactions. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** Suspends it during `action`: connections stay open, but it does not answer. */
  async frozenDuring(action: () => Promise<void>): Promise<void> {
    const child = this.#process;
    if (child === undefined) throw new Error('it is not running');
    child.kill('SIGSTOP');
    try {
      await action();
    } finally {
      child.kill('SIGCONT');
    }
  }

  /** Settings to log in as a user whom its account does not know. @param chosen additional settings. */
  settings(chosen: Partial<SnowflakeSettings> = {}): SnowflakeSettings {
    return emulatorSettings(this.url, chosen);
  }

  /** The statements that it received so far, oldest first. */
  async statements(): Promise<LoggedStatement[]> {
    const text = existsSync(this.sqlLog) ? await readFile(this.sqlLog, 'utf8') : '';
    // The text after the last line break is still being written.
    return text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.#dir, { recursive: true, force: true });
  }

  /** @param complaint its output to standard error. */
  async #ready(complaint: () => string): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await fetch(`${this.url}/telemetry/send`, { method: 'POST' });
        return;
      } catch (error) {
        if (this.#process?.exitCode !== null || attempt === 1_000) {
          throw new Error(`the emulator does not start: ${complaint()}`, { cause: error });
        }
        await delay(20);
      }
    }
  }
}
