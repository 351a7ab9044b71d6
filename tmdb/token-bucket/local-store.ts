import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { startChildServer, tailOf } from '../../runtime/child-server.ts';
import { freePorts } from '../../runtime/free-ports.ts';
import { Holder, ownHolder, sameHolder } from '../../runtime/holder.ts';
import { makeFolder } from '../../runtime/make-folder.ts';
import { Secret } from '../../runtime/secret.ts';
import { writePrivate } from '../../runtime/write-private.ts';
import { TokenStoreError } from './errors.ts';

export interface LocalStoreOptions {
  /** The folder of its log and its credentials. The caller holds it: one store at a time. */
  readonly dir: string;
  /** The `redis-server` or `valkey-server`: see `findServer`. */
  readonly program: string;
  /** The environment of its process. */
  readonly env: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** A Redis or Valkey for the shared bucket of this machine. Disposing of it stops it. */
export interface LocalStore extends AsyncDisposable {
  /** `host:port`. */
  readonly address: string;
  /** Of the server. */
  readonly pid: number;
  readonly logFile: string;
  /** Resolves when the server has ended, by itself or because it was disposed of. */
  readonly ended: Promise<unknown>;
}

const Access = z.object({ owner: Holder, url: z.string() });

const accessFile = (dir: string): string => join(dir, 'access.json');

/** What `findServer` looks for. Both run the script of the bucket. */
const programs = ['valkey-server', 'redis-server'];

/**
 * The program of a store: a Valkey or Redis that is installed, otherwise the Redis in `toolsDir`, where `scripts/setup.mjs` installs one.
 * @param path the variable PATH.
 */
export function findServer(
  path: string,
  toolsDir: string,
): { readonly program: string; readonly isInstalled: boolean } {
  const candidates = path.split(delimiter).flatMap((folder) => programs.map((name) => join(folder, name)));
  const program = candidates.find((candidate) => existsSync(candidate));
  if (program !== undefined) return { program, isInstalled: true };
  return { program: join(toolsDir, 'redis', 'redis-server'), isInstalled: false };
}

const startTimeoutMs = 20_000;
/** The port was taken meanwhile. */
const transient = /Address already in use/;

/**
 * Starts a store on a loopback port that was free. It accepts only clients with its password, which is new at each start. It keeps nothing
 * on disk: a store that starts empty grants nothing for one window. It ends when it is disposed of and when this process ends, however it ends.
 * @throws TokenStoreError with the server's log if it does not start.
 */
export async function startLocalStore(options: LocalStoreOptions): Promise<LocalStore> {
  const { dir, program } = options;
  if (!existsSync(program))
    throw new TokenStoreError(`no token store: ${program} is missing; install redis-server or valkey-server`);
  makeFolder(dir);
  const logFile = join(dir, 'store.log');
  const password = randomBytes(32).toString('base64url');
  const { server, port } = await start(options, password, logFile);
  const address = `127.0.0.1:${port}`;
  writePrivate(accessFile(dir), JSON.stringify({ owner: ownHolder(), url: `redis://:${password}@${address}` }));
  server.unref();
  return {
    address,
    pid: server.pid,
    logFile,
    ended: server.ended,
    [Symbol.asyncDispose]: async () => {
      rmSync(accessFile(dir), { force: true });
      await server.stop();
      rmSync(configFile(dir), { force: true });
    },
  };
}

/**
 * The URL of the store in `dir`, with its password; null if `owner` has not started one.
 * @throws TokenStoreError if this user may not read it.
 */
export function readLocalStore(dir: string, owner: Holder): Secret | null {
  const access = readAccess(accessFile(dir));
  return access && sameHolder(access.owner, owner) ? new Secret(access.url) : null;
}

function readAccess(file: string): z.infer<typeof Access> | null {
  if (!existsSync(file)) return null;
  try {
    return Access.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Not completely written yet, or removed meanwhile.
    if (code === undefined || code === 'ENOENT') return null;
    throw new TokenStoreError(
      `the token store's credentials in ${file} cannot be read (${code}): run as the user who started it`,
      {
        cause: error,
      },
    );
  }
}

const configFile = (dir: string): string => join(dir, 'redis.conf');

async function start({ dir, program, env, signal }: LocalStoreOptions, password: string, logFile: string) {
  const deadline = performance.now() + startTimeoutMs;
  for (;;) {
    const [port = 0] = await freePorts(1);
    // In a file and not in the arguments, which every user can list.
    writePrivate(configFile(dir), configOf(port, password));
    const server = await startChildServer([program, configFile(dir)], { cwd: dir, logFile, env });
    const log = () => readFileSync(logFile, 'utf8');
    while (!server.hasEnded() && performance.now() < deadline && !signal?.aborted) {
      if (log().includes('Ready to accept connections')) return { server, port };
      await delay(10);
    }
    await server.stop();
    signal?.throwIfAborted();
    if (performance.now() > deadline || !transient.test(log()))
      throw failure('the local token store did not start', logFile);
  }
}

/** A full memory must not evict the bucket, and nothing of it is worth a file. */
const configOf = (port: number, password: string): string =>
  [
    ...['bind 127.0.0.1', `port ${port}`, `requirepass ${password}`],
    ...['save ""', 'appendonly no', 'maxmemory-policy noeviction', 'daemonize no', ''],
  ].join('\n');

const failure = (what: string, logFile: string): TokenStoreError =>
  new TokenStoreError(`${what}; the end of ${logFile}:\n${tailOf(logFile)}`);
