import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { whenAborted } from '../../runtime/abort.ts';
import { type ChildServer, startChildServer, tailOf } from '../../runtime/child-server.ts';
import { freePorts } from '../../runtime/free-ports.ts';
import { makeFolder } from '../../runtime/make-folder.ts';
import { processIdentity } from '../../runtime/process-identity.ts';
import { writePrivate } from '../../runtime/write-private.ts';
import { BrokerError } from '../errors.ts';
import type { Broker, BrokerOptions } from './broker.ts';
import { claimDataDir } from './claim.ts';
import { type BrokerCredentials, createCredentials, removeCredentials } from './credentials.ts';
import { type BrokerPorts, securedBy, serverProperties } from './properties.ts';

export interface LocalBrokerOptions extends BrokerOptions {
  /** Kafka settings beside ours, for tests. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Of a new data folder: 16 bytes in base64url. @default random */
  readonly clusterId?: string;
  /** The largest heap of Java (MB). @default 512 */
  readonly heapMb?: number;
}

/** A broker of one process on this machine. */
export interface LocalBroker extends Broker {
  /** Process id of the broker. */
  readonly pid: number;
  readonly logFile: string;
  /** Resolves when the broker has ended, by itself or because it was disposed of. */
  readonly ended: Promise<unknown>;
}

/** How long a start may take: it is one second on an idle machine. */
const startTimeoutMs = 90_000;

/** Lines of the broker's log after which another attempt helps: a port was taken meanwhile, or the folder is not free yet. */
const transient = /Address already in use|Failed to acquire lock/;

/**
 * A real Apache Kafka (KRaft, one node) from the jars in `jarsDir`, on loopback ports that were free. It ends when it
 * is disposed of and when this process ends, however it ends; its data stays in `dataDir` for the next start. Only this user can read the
 * folder, and with it the credentials of the broker. A folder of a version without credentials becomes private here.
 * @throws BrokerError when Kafka is not installed, the folder is in use, or the broker does not start; the message ends with the broker's log.
 */
export async function startLocalBroker(options: LocalBrokerOptions): Promise<LocalBroker> {
  if (!existsSync(options.jarsDir)) {
    throw new BrokerError(
      `no Kafka: set KAFKA_BROKERS to your brokers, or start with npm, which installs a broker in ${options.jarsDir}`,
    );
  }
  const dataDir = resolve(options.dataDir);
  makeFolder(tmpDirOf(dataDir));
  chmodSync(dataDir, 0o700);
  const claim = await claimDataDir(dataDir, options);
  try {
    const credentials = options.isOpen ? undefined : createCredentials(dataDir);
    const node = new LocalNode({ ...options, dataDir }, credentials);
    await node.format();
    const { java, ports } = await node.start(claim.setBroker);
    java.unref();
    return {
      brokers: [addressOf(ports)],
      sasl: credentials,
      pid: java.pid,
      logFile: node.logFile,
      ended: java.ended,
      [Symbol.asyncDispose]: async () => {
        await java.stop();
        node.keepArchive();
        removeCredentials(dataDir);
        claim.release();
      },
    };
  } catch (error) {
    claim.release();
    throw error;
  }
}

const addressOf = ({ client }: BrokerPorts): string => `127.0.0.1:${client}`;

/** Settings that Java otherwise derives from the locale, the time zone and the machine's folders. */
const javaDefaults = (dataDir: string): string[] => [
  ...['-Duser.language=en', '-Duser.country=US', '-Duser.timezone=UTC', '-Dfile.encoding=UTF-8'],
  ...[`-Djava.io.tmpdir=${tmpDirOf(dataDir)}`, `-Duser.home=${dataDir}`],
];

/** Kafka's default: a new group waits for its members. Otherwise a later member takes partitions, and requests in flight are sent twice. */
const groupsOfManyProcesses = { 'group.initial.rebalance.delay.ms': '3000' };

const tmpDirOf = (dataDir: string): string => join(dataDir, 'tmp');

const keptAtFormat = ['node.id', 'controller.quorum.voters'];

/** One node's folder and the commands that work on it. */
class LocalNode {
  readonly #options: LocalBrokerOptions;
  readonly #credentials: BrokerCredentials | undefined;
  readonly #logDir: string;
  readonly #propertiesFile: string;
  readonly logFile: string;
  /** Kafka's classes in the form the JVM maps: made at the end of the first run, it takes a third off each start. */
  readonly #archive: string;
  readonly #newArchive: string;

  /** @param credentials absent: clients need no login. */
  constructor(options: LocalBrokerOptions, credentials: BrokerCredentials | undefined) {
    this.#options = options;
    this.#credentials = credentials;
    this.#logDir = join(options.dataDir, 'log');
    this.#propertiesFile = join(options.dataDir, 'server.properties');
    this.logFile = join(options.dataDir, 'broker.log');
    this.#archive = join(resolve(options.jarsDir), 'kafka.jsa');
    this.#newArchive = `${this.#archive}.${process.pid}.${randomBytes(4).toString('hex')}`;
  }

  /** Formats a new folder. The rename comes last, so an interrupted format is repeated. */
  async format(): Promise<void> {
    if (existsSync(this.#logDir)) return;
    const unfinished = `${this.#logDir}.formatting`;
    rmSync(unfinished, { recursive: true, force: true });
    const { clusterId = randomBytes(16).toString('base64url'), properties } = this.#options;
    // Only the settings of tests that the storage stores: the start checks the others.
    const kept = Object.entries(properties ?? {}).filter(([name]) => keptAtFormat.includes(name));
    const ports = { client: 1, controller: 2 };
    writePrivate(this.#propertiesFile, serverProperties(unfinished, ports, Object.fromEntries(kept)));
    // One id in 64 begins with a dash: after the equals sign it is not taken for an option.
    const args = ['kafka.tools.StorageTool', 'format', `--cluster-id=${clusterId}`, '--config', this.#propertiesFile];
    const java = await this.#java([...this.#flags(), ...this.#archiveThere(), ...args]);
    await this.#orAborted(java, java.ended);
    if ((await java.ended) !== 0) throw this.#error('the storage could not be formatted');
    renameSync(unfinished, this.#logDir);
  }

  /** Starts until the broker is ready, on other ports if some were taken. `onPid` receives the id of each process. */
  async start(onPid: (pid: number, address: string) => void): Promise<{ java: ChildServer; ports: BrokerPorts }> {
    const deadline = performance.now() + startTimeoutMs;
    for (let attempt = 1; ; attempt += 1) {
      const [client = 0, controller = 0] = await freePorts(2);
      const ports = { client, controller };
      const access = this.#credentials ? securedBy(this.#credentials, ports) : {};
      const groups = this.#options.isShared ? groupsOfManyProcesses : {};
      const settings = { ...groups, ...access, ...this.#options.properties };
      writePrivate(this.#propertiesFile, serverProperties(this.#logDir, ports, settings));
      const args = [...this.#flags(), ...this.#archiveFlags(), 'kafka.Kafka', this.#propertiesFile];
      const java = await this.#java(args);
      onPid(java.pid, addressOf(ports));
      if (await this.#orAborted(java, this.#isReady(java, deadline))) return { java, ports };
      const isTimeUp = performance.now() > deadline;
      await java.stop();
      if (isTimeUp) throw this.#error(`Kafka was not ready after ${startTimeoutMs / 1_000} s`);
      if (attempt >= 40 || !transient.test(this.#log())) throw this.#error('Kafka did not start');
      await delay(500, undefined, this.#options.signal && { signal: this.#options.signal });
    }
  }

  /** Renames the archive that a first run wrote at its end. */
  keepArchive(): void {
    quietly(() => {
      if (existsSync(this.#newArchive)) renameSync(this.#newArchive, this.#archive);
    });
  }

  /** @returns true when the broker is ready; false if it ended or the deadline passed. */
  async #isReady(java: ChildServer, deadline: number): Promise<boolean> {
    while (!java.hasEnded() && performance.now() < deadline) {
      if (this.#log().includes('Kafka Server started')) return true;
      await delay(20);
    }
    return false;
  }

  async #orAborted<T>(java: ChildServer, work: Promise<T>): Promise<T> {
    const { signal } = this.#options;
    const result = await Promise.race([work, whenAborted(signal)]);
    if (!signal?.aborted) return result as T;
    await java.stop();
    throw signal.reason;
  }

  #java(args: readonly string[]): Promise<ChildServer> {
    const { dataDir, env } = this.#options;
    return startChildServer(['java', ...args], { cwd: dataDir, logFile: this.logFile, env });
  }

  #flags(): string[] {
    const log4j = join(import.meta.dirname, 'log4j2.xml');
    return [
      // Only the fast compiler: the optimizing one does not pay off for a local broker.
      ...[
        `-Xmx${this.#options.heapMb ?? 512}m`,
        '-XX:+UseSerialGC',
        '-XX:TieredStopAtLevel=1',
        '-Djava.awt.headless=true',
      ],
      ...javaDefaults(this.#options.dataDir),
      `-Dlog4j2.configurationFile=${log4j}`,
      ...['-cp', join(resolve(this.#options.jarsDir), '*')],
    ];
  }

  #archiveFlags(): string[] {
    const there = this.#archiveThere();
    if (there.length > 0) return there;
    quietly(() => this.#removeOrphans());
    return [`-XX:ArchiveClassesAtExit=${this.#newArchive}`];
  }

  /** The class archive of an earlier run, which saves a third of a start's CPU time; empty before the first run has ended. */
  #archiveThere(): string[] {
    return existsSync(this.#archive) ? [`-XX:SharedArchiveFile=${this.#archive}`] : [];
  }

  /** Removes the archives of runs that were killed before they could rename them: 50 MB each. */
  #removeOrphans(): void {
    const jarsDir = resolve(this.#options.jarsDir);
    for (const file of readdirSync(jarsDir)) {
      const pid = /^kafka\.jsa\.(\d+)\./.exec(file)?.[1];
      if (pid && processIdentity(Number(pid)) === null) rmSync(join(jarsDir, file), { force: true });
    }
  }

  #log(): string {
    return readFileSync(this.logFile, 'utf8');
  }

  #error(what: string): BrokerError {
    return new BrokerError(`${what}; the end of ${this.logFile}:\n${tailOf(this.logFile)}`);
  }
}

/** The archive only saves time, and the folder of the jars may be read-only. */
function quietly(work: () => void): void {
  try {
    work();
  } catch {
    // The next start tries again.
  }
}
