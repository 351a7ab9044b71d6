import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { brokerOwner } from '../../../kafka/broker/claim.ts';
import { readCredentials } from '../../../kafka/broker/credentials.ts';
import { startLocalBroker } from '../../../kafka/broker/local-broker.ts';
import type { KafkaOptions } from '../../../kafka/client.ts';
import { Secret } from '../../../runtime/secret.ts';
import { createTopic, makeTopic, uniqueName, withAdmin, write } from '../../support/kafka/broker.ts';
import { jarsDir } from '../../support/kafka/broker-setup.ts';
import { plainClient } from '../../support/kafka/client.ts';

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'tmdb-stream-access-'));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

/** Both ports of the broker, from its settings. */
const portsOf = (): string[] =>
  [
    ...readFileSync(join(dataDir, 'server.properties'), 'utf8').matchAll(
      /^listeners=.*?(127[\d.:]+),.*?(127[\d.:]+)$/gm,
    ),
  ].flatMap(([, client = '', controller = '']) => [client, controller]);

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

/** The output of a command that runs as another user of this machine, without our rights. Only root can become that user. */
const asAnotherUser = (...command: string[]): string =>
  execFileSync('setpriv', ['--reuid', '65534', '--regid', '65534', '--clear-groups', ...command], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });

const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));

describe('the local broker and other users of the machine', () => {
  it('[R103] refuses clients without its credentials on both of its ports: they read and write nothing', async () => {
    await using broker = await startLocalBroker({ dataDir, jarsDir });
    const ours = plainClient(broker.brokers, broker.sasl);
    const topic = await createTopic(ours);
    await write(ours, topic, ['ours']);
    const strangers: KafkaOptions['sasl'][] = [
      undefined,
      { mechanism: 'plain', username: 'tmdb-stream', password: new Secret('guessed') },
      { mechanism: 'plain', username: 'admin', password: new Secret('admin') },
      { mechanism: 'scram-sha-512', username: 'tmdb-stream', password: new Secret('guessed') },
    ];
    const ports = portsOf();
    expect(ports).toHaveLength(2);
    const attempts = ports.flatMap((port) =>
      strangers.flatMap((stranger) => {
        const client = plainClient([port], stranger);
        return [
          write(client, topic, ['theirs']),
          withAdmin(client, (admin) => admin.listTopics()),
          makeTopic(client, uniqueName('theirs'), {}),
          withAdmin(client, (admin) => admin.deleteTopics({ topics: [topic] })),
        ];
      }),
    );
    const outcomes = await Promise.allSettled<unknown>(attempts);
    expect(outcomes.map(({ status }) => status)).toEqual(attempts.map(() => 'rejected'));
    await withAdmin(ours, async (admin) => {
      expect(await admin.listTopics()).toEqual([topic]);
      expect(await admin.fetchTopicOffsets(topic)).toMatchObject([{ low: '0', high: '1' }]);
    });
  });

  it('[R103] keeps its address and credentials in files that only its user can read', async () => {
    chmodSync(dataDir, 0o777);
    const kafkaDir = join(dataDir, 'made', 'kafka');
    await using broker = await startLocalBroker({ dataDir: kafkaDir, jarsDir });
    expect([join(dataDir, 'made'), kafkaDir].map(modeOf)).toEqual(['700', '700']);
    const secretFiles = ['credentials.json', 'server.properties'].map((name) => join(kafkaDir, name));
    expect(secretFiles.map(modeOf)).toEqual(['600', '600']);
    expect(brokerOwner(kafkaDir)?.access).toEqual({ brokers: broker.brokers, sasl: broker.sasl });
    if (process.getuid?.() !== 0) return;
    for (const file of [...secretFiles, join(kafkaDir, 'broker.json')]) {
      expect(() => asAnotherUser('cat', file), file).toThrow(/Permission denied/);
    }
    expect(() => asAnotherUser('ls', kafkaDir)).toThrow(/Permission denied/);
  });

  it('[R103] has new credentials at each start, and shows them in no process list, environment, log or other file', {
    tags: ['full'],
  }, async () => {
    const passwords = new Set<string>();
    for (let start = 0; start < 2; start += 1) {
      await using broker = await startLocalBroker({ dataDir, jarsDir });
      await withAdmin(plainClient(broker.brokers, broker.sasl), (admin) => admin.listTopics());
      const password = broker.sasl?.password.reveal() ?? '';
      expect(password.length).toBeGreaterThanOrEqual(40);
      passwords.add(password);
      expect(execFileSync('ps', ['axeww', '-o', 'args'], { encoding: 'utf8' })).not.toContain(password);
      const holders = filesBelow(dataDir).filter((file) => readFileSync(file).includes(password));
      expect(holders.map((file) => file.slice(dataDir.length + 1)).toSorted()).toEqual([
        'credentials.json',
        'server.properties',
      ]);
    }
    expect(passwords.size).toBe(2);
    expect(existsSync(join(dataDir, 'credentials.json'))).toBe(false);
  });

  it('[R103] takes over a folder of a version without credentials: it becomes private, keeps its records, and no link in it is followed', {
    tags: ['full'],
  }, async () => {
    const topic = await (async () => {
      await using open = await startLocalBroker({ dataDir, jarsDir, isOpen: true });
      const client = plainClient(open.brokers, undefined);
      const made = await createTopic(client);
      await write(client, made, ['kept']);
      return made;
    })();
    for (const file of filesBelow(dataDir)) chmodSync(file, 0o644);
    chmodSync(dataDir, 0o755);
    const elsewhere = join(dataDir, 'elsewhere');
    writeFileSync(elsewhere, 'untouched');
    rmSync(join(dataDir, 'server.properties'));
    for (const name of ['credentials.json', 'server.properties']) symlinkSync(elsewhere, join(dataDir, name));
    await using broker = await startLocalBroker({ dataDir, jarsDir });
    expect(modeOf(dataDir)).toBe('700');
    expect(modeOf(join(dataDir, 'server.properties'))).toBe('600');
    expect(readFileSync(elsewhere, 'utf8')).toBe('untouched');
    expect(readCredentials(dataDir).password.reveal()).toBe(broker.sasl?.password.reveal());
    await withAdmin(plainClient(broker.brokers, broker.sasl), async (admin) => {
      expect(await admin.fetchTopicOffsets(topic)).toMatchObject([{ low: '0', high: '1' }]);
    });
    await expect(write(plainClient(broker.brokers, undefined), topic, ['theirs'])).rejects.toThrow();
  });
});
