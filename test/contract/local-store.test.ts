import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../runtime/clock.ts';
import { ownHolder } from '../../runtime/holder.ts';
import { createLogger } from '../../runtime/logger.ts';
import { processIdentity } from '../../runtime/process-identity.ts';
import { Secret } from '../../runtime/secret.ts';
import { TokenBucketRefusedError } from '../../tmdb/token-bucket/errors.ts';
import { examineEviction } from '../../tmdb/token-bucket/eviction.ts';
import { type LocalStore, readLocalStore, startLocalStore } from '../../tmdb/token-bucket/local-store.ts';
import { openSharedTokenBucket } from '../../tmdb/token-bucket/redis.ts';
import { until } from '../support/processes/fleet.ts';

const root = join(import.meta.dirname, '../..');
const program = join(root, '.tools/redis/redis-server');
const env = { PATH: process.env['PATH'] ?? '' };

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'tmdb-stream-store-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const start = (): Promise<LocalStore> => startLocalStore({ dir, program, env });

/** Finds the store like another process of the same user. */
function foundUrl(): Secret {
  const url = readLocalStore(dir, ownHolder());
  if (url === null) throw new Error('there is no store');
  return url;
}

const passwordOf = (url: Secret): string => new URL(url.reveal()).password;

const limit = { capacity: 2, windowMs: 100 };
const log = createLogger('silent', []);

describe('the token store of this machine', () => {
  it('[R103] accepts only clients with its password, which is new at each start and only in files of its user', async () => {
    const passwords = new Set<string>();
    for (let round = 0; round < 2; round += 1) {
      await using store = await start();
      const url = foundUrl();
      const password = passwordOf(url);
      expect(password.length).toBeGreaterThanOrEqual(40);
      passwords.add(password);
      expect(await examineEviction(url)).toBeNull();
      for (const stranger of [`redis://${store.address}`, `redis://:guessed@${store.address}`]) {
        await expect(examineEviction(new Secret(stranger))).rejects.toThrow(TokenBucketRefusedError);
      }
      expect(execFileSync('ps', ['axeww', '-o', 'args'], { encoding: 'utf8' })).not.toContain(password);
      const holders = readdirSync(dir).filter((file) => readFileSync(join(dir, file), 'utf8').includes(password));
      expect(holders.toSorted()).toEqual(['access.json', 'redis.conf']);
      expect(holders.map((file) => (statSync(join(dir, file)).mode & 0o777).toString(8))).toEqual(['600', '600']);
    }
    expect(passwords.size).toBe(2);
    expect(readdirSync(dir)).toEqual(['store.log']);
  });

  it('[R118] is found again by a bucket after a restart, which grants nothing for one window', async () => {
    const first = await start();
    const url = foundUrl();
    await using bucket = await openSharedTokenBucket({
      ...{ url, limit, log, requestTimeoutMs: 1_000, clock: systemClock },
      currentUrl: () => readLocalStore(dir, ownHolder()) ?? url,
    });
    (await bucket.acquire()).returned();
    await first[Symbol.asyncDispose]();
    const waiting = bucket.acquire();
    await until('the outage is noticed', () => !bucket.isReachable, { timeoutMs: 20_000, pollMs: 10 });
    await using _ = await start();
    (await waiting).returned();
    expect(bucket.isReachable).toBe(true);
    expect(foundUrl().reveal()).not.toBe(url.reveal());
  });

  it('ends with the process that started it, even if that is killed, and is then not found', async () => {
    const module = join(root, 'tmdb/token-bucket/local-store.ts');
    const script = `
      import { startLocalStore } from ${JSON.stringify(module)};
      const { pid } = await startLocalStore(${JSON.stringify({ dir, program, env })});
      console.log(pid);
      setInterval(() => {}, 1_000);`;
    const owner = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [pid] = await once(createInterface(owner.stdout), 'line');
    owner.kill('SIGKILL');
    await until('the server has ended', () => processIdentity(Number(pid)) === null, { timeoutMs: 20_000 });
    expect(existsSync(join(dir, 'access.json'))).toBe(true);
    expect(readLocalStore(dir, ownHolder())).toBeNull();
  });

  it('reports why it does not start, with the end of its log', async () => {
    const starting = startLocalStore({ dir, program: '/bin/false', env });
    await expect(starting).rejects.toThrow(/did not start; the end of .*store\.log/);
    const missing = startLocalStore({ dir, program: join(dir, 'redis-server'), env });
    await expect(missing).rejects.toThrow(/redis-server is missing; install redis-server or valkey-server/);
  });
});
