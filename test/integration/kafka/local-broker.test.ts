import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAdmin } from '../../../kafka/admin.ts';
import type { Broker } from '../../../kafka/broker/broker.ts';
import { startLocalBroker } from '../../../kafka/broker/local-broker.ts';
import { BrokerError } from '../../../kafka/errors.ts';
import { readTopic } from '../../../kafka/read-topic.ts';
import { processIdentity, statFields } from '../../../runtime/process-identity.ts';
import { createTopic, write } from '../../support/kafka/broker.ts';
import { jarsDir } from '../../support/kafka/broker-setup.ts';
import { plainClient } from '../../support/kafka/client.ts';

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'tmdb-stream-broker-'));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

const start = () => startLocalBroker({ dataDir, jarsDir });
const clientOf = ({ brokers, sasl }: Pick<Broker, 'brokers' | 'sasl'>) => plainClient(brokers, sasl);
const isRunning = (pid: number) => processIdentity(pid) !== null;

/** A process that starts a broker in `dataDir` and waits; resolves once it is ready. */
async function startOwner() {
  const script = `
    import { startLocalBroker } from ${JSON.stringify(join(import.meta.dirname, '../../../kafka/broker/local-broker.ts'))};
    const broker = await startLocalBroker(${JSON.stringify({ dataDir, jarsDir })});
    console.log(JSON.stringify({ pid: broker.pid, brokers: broker.brokers }));
    setInterval(() => {}, 1_000);`;
  const owner = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(createInterface(owner.stdout), 'line');
  return { owner, ...(JSON.parse(line) as { pid: number; brokers: string[] }) };
}

/** The process group, which is field 5 of `/proc/PID/stat`. */
const groupOf = (pid: number): string | undefined => statFields(pid)[2];

/** The broker's process id in the claim; null before there is one. */
function brokerPid(): number | null {
  try {
    return JSON.parse(readFileSync(join(dataDir, 'broker.json'), 'utf8')).broker?.pid ?? null;
  } catch {
    return null;
  }
}

describe('the local broker', () => {
  it('keeps topics, records and its cluster id after a restart, on other ports', { tags: ['full'] }, async () => {
    const written = await (async () => {
      await using broker = await start();
      const kafka = clientOf(broker);
      await using admin = createAdmin(kafka);
      const topic = await createTopic(kafka);
      await write(kafka, topic, ['kept']);
      return { topic, clusterId: await admin.clusterId(), pid: broker.pid };
    })();
    expect(isRunning(written.pid)).toBe(false);
    await using broker = await start();
    const kafka = clientOf(broker);
    await using admin = createAdmin(kafka);
    expect(await admin.clusterId()).toBe(written.clusterId);
    const values: string[] = [];
    await readTopic(kafka, written.topic, ({ value }) => values.push(String(value)));
    expect(values).toEqual(['kept']);
  });

  it('ends when the process that started it is killed, and the next start waits for that', async () => {
    const { owner, pid } = await startOwner();
    expect(isRunning(pid)).toBe(true);
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    // At once, while the old one is still shutting down.
    await using next = await start();
    expect(isRunning(pid)).toBe(false);
    expect(next.pid).not.toBe(pid);
  });

  it.runIf(process.platform === 'linux')(
    'is not reached by the signal that a terminal sends to our process group',
    { tags: ['full'] },
    async () => {
      await using broker = await start();
      expect(groupOf(broker.pid)).not.toBe(groupOf(process.pid));
    },
  );

  it('refuses a second start in the same folder, and names the process that uses it', async () => {
    const { owner, pid } = await startOwner();
    try {
      await expect(start()).rejects.toThrow(`${dataDir} is in use by the broker of process ${owner.pid}`);
      expect(isRunning(pid)).toBe(true);
    } finally {
      owner.kill('SIGKILL');
      await vi.waitUntil(() => !isRunning(pid), { timeout: 20_000 });
    }
  });

  it('accepts any cluster id, including one that begins with a dash', { tags: ['full'] }, async () => {
    const clusterId = '-h5UMw77OYnqN2XP7yIJgA';
    await using broker = await startLocalBroker({ dataDir, jarsDir, clusterId });
    await using admin = createAdmin(clientOf(broker));
    expect(await admin.clusterId()).toBe(clusterId);
  });

  it('formats again after an interrupted format', { tags: ['full'] }, async () => {
    mkdirSync(join(dataDir, 'log.formatting'));
    writeFileSync(join(dataDir, 'log.formatting', 'meta.properties'), 'half');
    await using broker = await start();
    expect(broker.brokers).toHaveLength(1);
    expect(readdirSync(dataDir)).not.toContain('log.formatting');
  });

  it('shows the end of its log when it cannot start, and releases the folder', async () => {
    const bad = startLocalBroker({ dataDir, jarsDir, properties: { 'log.retention.ms': 'never' } });
    await expect(bad).rejects.toThrow(BrokerError);
    await expect(bad).rejects.toThrow(/(?:Kafka did not start|could not be formatted).*log\.retention\.ms/s);
    expect(existsSync(join(dataDir, 'broker.json'))).toBe(false);
  });

  it('stops starting when it is told to, and leaves no process', async () => {
    const stop = new AbortController();
    const starting = startLocalBroker({ dataDir, jarsDir, signal: stop.signal });
    const pid = vi.waitUntil(() => brokerPid(), { timeout: 30_000 });
    await pid;
    stop.abort(new Error('no more'));
    await expect(starting).rejects.toThrow('no more');
    expect(isRunning((await pid) as number)).toBe(false);
  });
});
