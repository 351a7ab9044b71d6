import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { type LocalBroker, startLocalBroker } from '../../../kafka/broker/local-broker.ts';
import { freePorts } from '../../../runtime/free-ports.ts';
import { processIdentity } from '../../../runtime/process-identity.ts';
import { forkedDbt } from '../dbt/server/flags.ts';
import { jarsDir } from '../kafka/broker-setup.ts';
import { formatByCopy } from '../kafka/formatted-folder.ts';
import { compileCache } from './compile-cache.ts';
import { crashPointFlags } from './crash-points.ts';

const root = join(import.meta.dirname, '../../..');

/** Opens a connection for each request. A kept one may be closed, or its process killed, just when it is used again. */
const oneRequestEach = new Agent({ pipelining: 0, headersTimeout: 10_000, bodyTimeout: 10_000 });

/** A log line of a service. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly msg?: string };

/** One service in its own process. */
export class Service {
  readonly name: string;
  readonly child: ChildProcess;
  readonly lines: LogLine[] = [];
  /** Its output lines that are not JSON. */
  readonly noise: string[] = [];
  #url = Promise.withResolvers<string>();
  readonly exited: Promise<number | null>;

  constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.child = child;
    this.exited = once(child, 'exit').then(([code]) => code as number | null);
    void this.exited.then(() => this.#url.reject(new Error(`${name} has ended\n${this.tail()}`)));
    this.#url.promise.catch(() => {});
    for (const stream of [child.stdout, child.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', (line) => this.#take(line));
    }
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** The URL of its health server. */
  url(): Promise<string> {
    return this.#url.promise;
  }

  async get(path: string): Promise<{ readonly status: number; readonly text: string }> {
    const { statusCode, body } = await request(`${await this.url()}${path}`, { dispatcher: oneRequestEach });
    return { status: statusCode, text: await body.text() };
  }

  /** A metric's value, summed over its series that carry all of `labels`. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const { text } = await this.get('/metrics');
    const series = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
    return series
      .filter((line) => Object.entries(labels).every(([label, value]) => line.includes(`${label}="${value}"`)))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }

  kill(signal: NodeJS.Signals): void {
    if (this.isRunning) this.child.kill(signal);
  }

  /** The end of its output, for an error message. */
  tail(): string {
    return [...this.lines.slice(-15).map((line) => JSON.stringify(line)), ...this.noise.slice(-15)].join('\n');
  }

  #take(text: string): void {
    try {
      const line = JSON.parse(text) as LogLine;
      this.lines.push(line);
      if (this.lines.length > 5_000) this.lines.splice(0, 1_000);
      if (typeof line['url'] === 'string' && line.msg?.startsWith('serving')) this.#url.resolve(line['url']);
    } catch {
      this.noise.push(text);
    }
  }
}

/** Services of one environment. Services that still run at the end are killed. */
export class Fleet implements AsyncDisposable {
  readonly services: Service[] = [];
  /** Whether it was disposed of: a supervised service must not be restarted. */
  hasEnded = false;
  readonly #env: Readonly<Record<string, string>>;
  readonly #dbt: typeof forkedDbt;

  /**
   * @param env whole environment of every service, except PATH, HOME and the compile cache.
   * @param options `ownDbt`: dbt starts in its own process also in the fast tier, for tests about that process.
   */
  constructor(env: Readonly<Record<string, string>>, { ownDbt = false }: { readonly ownDbt?: boolean } = {}) {
    this.#env = env;
    this.#dbt = ownDbt ? { flags: [], env: {} } : forkedDbt;
  }

  /** @param env settings in addition to the fleet's; with `crashEnvironment` in it, the service has its crash points. */
  start(name: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Service {
    const { PATH = '', HOME = '' } = process.env;
    const child = spawn(
      process.execPath,
      [...this.#dbt.flags, ...crashPointFlags(env), join(root, 'cli.ts'), ...args],
      {
        cwd: this.#env['DATA_DIR'],
        env: { PATH, HOME, ...compileCache, ...this.#dbt.env, HTTP_LISTEN: '127.0.0.1:0', ...this.#env, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    const service = new Service(name, child);
    this.services.push(service);
    return service;
  }

  startMany(count: number, name: string, args: readonly string[]): Service[] {
    return Array.from({ length: count }, (_, index) => this.start(`${name}-${index + 1}`, args));
  }

  get running(): Service[] {
    return this.services.filter(({ isRunning }) => isRunning);
  }

  /** @throws Error with the last output of a service that ended by itself. */
  expectAllRunning(except: readonly Service[] = []): void {
    const ended = this.services.find((service) => !service.isRunning && !except.includes(service));
    if (ended) throw new Error(`${ended.name} ended with ${ended.child.exitCode}\n${ended.tail()}`);
  }

  /** SIGTERM to all at once. @returns name → exit code, and the time of the slowest service. */
  async drain(): Promise<{ readonly codes: Record<string, number | null>; readonly seconds: number }> {
    const started = performance.now();
    const running = this.running;
    for (const service of running) service.kill('SIGTERM');
    const codes = await Promise.all(running.map(async ({ name, exited }) => [name, await exited] as const));
    return { codes: Object.fromEntries(codes), seconds: (performance.now() - started) / 1_000 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.hasEnded = true;
    for (const service of this.running) service.kill('SIGKILL');
    await Promise.all(this.services.map(({ exited }) => exited));
  }
}

interface FleetBrokerOptions {
  /** Additional Kafka settings, such as the advertised address if clients connect through a proxy. */
  readonly properties?: Readonly<Record<string, string>>;
}

/** A broker that restarts on the same port. */
export class FleetBroker implements AsyncDisposable {
  readonly #options: Parameters<typeof startLocalBroker>[0];
  readonly address: string;
  #broker: LocalBroker | undefined;

  private constructor(dataDir: string, client: number, controller: number, options: FleetBrokerOptions) {
    this.address = `127.0.0.1:${client}`;
    this.#options = {
      dataDir,
      jarsDir,
      isOpen: true,
      properties: {
        'controller.quorum.voters': `1@127.0.0.1:${controller}`,
        listeners: `PLAINTEXT://${this.address},CONTROLLER://127.0.0.1:${controller}`,
        'advertised.listeners': `PLAINTEXT://${this.address}`,
        // Kafka's default: a new group waits for its members. Without it, each later member takes partitions away from
        // others, and the requests in flight are sent twice.
        'group.initial.rebalance.delay.ms': '3000',
        ...options.properties,
      },
    };
  }

  static async start(dataDir: string, options: FleetBrokerOptions = {}): Promise<FleetBroker> {
    const [port = 0, controller = 0] = await freePorts(2);
    const broker = new FleetBroker(dataDir, port, controller, options);
    await broker.start();
    return broker;
  }

  async start(): Promise<void> {
    formatByCopy(this.#options.dataDir);
    this.#broker = await startLocalBroker(this.#options);
  }

  /** Whether it is running. It may have ended by itself. */
  get isRunning(): boolean {
    return this.#broker !== undefined && processIdentity(this.#broker.pid) !== null;
  }

  /** @param hard with kill -9. */
  async stop(hard = false): Promise<void> {
    if (hard && this.#broker) process.kill(this.#broker.pid, 'SIGKILL');
    await this.#broker?.[Symbol.asyncDispose]();
    this.#broker = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Waits until `isSo`. @throws Error at the time limit, or as soon as a service of the fleet has ended. */
export async function until(
  what: string,
  isSo: () => Promise<boolean> | boolean,
  {
    timeoutMs,
    check,
    pollMs = 200,
  }: { readonly timeoutMs: number; readonly check?: () => void; readonly pollMs?: number },
): Promise<void> {
  const giveUpAt = performance.now() + timeoutMs;
  while (!(await isSo())) {
    check?.();
    if (performance.now() > giveUpAt) throw new Error(`not within ${timeoutMs / 1_000} s: ${what}`);
    await delay(pollMs);
  }
}
