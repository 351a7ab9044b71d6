import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Claim, claimDataDir } from '../../../kafka/broker/claim.ts';
import { createCredentials } from '../../../kafka/broker/credentials.ts';
import type { Context } from '../../../platform/context.ts';
import { brokerDir, joinLocalServices, tokenStoreDir } from '../../../platform/local-services.ts';
import { ownHolder } from '../../../runtime/holder.ts';
import { noProgress } from '../../../runtime/progress.ts';
import { testContext } from '../../support/context.ts';

let dataDir: string;
let claim: Claim | undefined;
let told: string[];
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'tmdb-stream-join-'));
  for (const folder of [brokerDir(dataDir), tokenStoreDir(dataDir)]) mkdirSync(folder);
  claim = undefined;
  told = [];
});
afterEach(() => {
  claim?.release();
  rmSync(dataDir, { recursive: true });
});

const contextOf = (settings: Readonly<Record<string, string>> = {}, more: Partial<Context> = {}) =>
  testContext(
    { DATA_DIR: dataDir, ...settings },
    { progress: { ...noProgress, wait: (text) => told.push(text) }, ...more },
  );

/** This process is the one that holds the folder, and also its broker. */
async function hold(isShared: boolean, port = 9001): Promise<void> {
  claim = await claimDataDir(brokerDir(dataDir), { isShared });
  createCredentials(brokerDir(dataDir));
  claim.setBroker(process.pid, `127.0.0.1:${port}`);
}

const startStore = (port: number, owner = ownHolder()): void =>
  writeFileSync(
    join(tokenStoreDir(dataDir), 'access.json'),
    JSON.stringify({ owner, url: `redis://:password-${port}@127.0.0.1:${port}` }),
  );

describe('a command on a data folder', () => {
  it('starts its own broker if `up` does not run there', async () => {
    expect(await joinLocalServices(contextOf(), {})).toBeNull();
  });

  it('starts its own broker beside that of a run, which shares no token store', async () => {
    await hold(false);
    startStore(9002);
    expect(await joinLocalServices(contextOf(), {})).toBeNull();
  });

  it('needs no credentials of a broker that is not for all', async () => {
    await hold(false);
    rmSync(join(brokerDir(dataDir), 'credentials.json'));
    expect(await joinLocalServices(contextOf({ KAFKA_BROKERS: '127.0.0.1:1' }), {})).toBeNull();
  });

  it('[R118] uses the broker and the token store of `up`', async () => {
    await hold(true);
    startStore(9002);
    const services = await joinLocalServices(contextOf(), {});
    const { kafka, tokenStoreUrl } = services?.() ?? {};
    expect(kafka).toMatchObject({ brokers: ['127.0.0.1:9001'], sasl: { username: 'tmdb-stream' } });
    expect(tokenStoreUrl?.reveal()).toBe('redis://:password-9002@127.0.0.1:9002');
    expect(told).toEqual([]);
  });

  it('waits for an `up` that starts: its token store is the last part', async () => {
    await hold(true);
    // Left behind by an earlier one, which was killed.
    startStore(8000, { ...ownHolder(), identity: 'an earlier process' });
    const joining = joinLocalServices(contextOf(), {});
    startStore(9002);
    expect((await joining)?.().tokenStoreUrl.reveal()).toContain('9002');
  });

  it('[R118] has the new addresses after a restart of `up`, and the last ones meanwhile', async () => {
    await hold(true);
    startStore(9002);
    const services = await joinLocalServices(contextOf(), {});
    const passwordNow = () => {
      const { sasl } = services?.().kafka ?? {};
      return sasl && 'password' in sasl ? sasl.password.reveal() : null;
    };
    const before = passwordNow();
    expect(before).not.toBeNull();
    claim?.release();
    rmSync(join(brokerDir(dataDir), 'credentials.json'));
    expect(services?.()).toMatchObject({ kafka: { brokers: ['127.0.0.1:9001'] } });
    await hold(true, 9003);
    startStore(9004);
    expect(services?.().kafka.brokers).toEqual(['127.0.0.1:9003']);
    expect(passwordNow()).not.toBe(before);
    expect(passwordNow()).not.toBeNull();
    expect(services?.().tokenStoreUrl.reveal()).toContain('9004');
  });
});

describe('a stage that is one of several processes', () => {
  it('[R118] waits for `up`, says once what it waits for, and does not count as stalled', async () => {
    const context = contextOf();
    const excused = vi.spyOn(context.health, 'excuse');
    const joining = joinLocalServices(context, { waitsForUp: true });
    await vi.waitFor(() => expect(excused.mock.calls.length).toBeGreaterThan(2), { timeout: 20_000 });
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(`"tmdb-stream up" with DATA_DIR=${dataDir}`);
    expect(told[0]).toContain('KAFKA_BROKERS');
    await hold(true);
    startStore(9002);
    expect((await joining)?.().kafka.brokers).toEqual(['127.0.0.1:9001']);
  });

  it('ends the wait when it is told to stop', async () => {
    const stop = new AbortController();
    const joining = joinLocalServices(contextOf({}, { signal: stop.signal }), { waitsForUp: true });
    stop.abort(new Error('stopped'));
    await expect(joining).rejects.toThrow('stopped');
  });

  it('does not wait if it has a cluster', async () => {
    expect(await joinLocalServices(contextOf({ KAFKA_BROKERS: '127.0.0.1:9' }), { waitsForUp: true })).toBeNull();
  });
});
