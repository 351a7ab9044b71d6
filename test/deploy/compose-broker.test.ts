import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createAdmin } from '../../kafka/admin.ts';
import { startChildServer, tailOf } from '../../runtime/child-server.ts';
import { freePorts } from '../../runtime/free-ports.ts';
import { type Compose, interpolate } from '../support/deploy/compose.ts';
import { readYaml, root } from '../support/deploy/project.ts';
import { plainClient } from '../support/kafka/client.ts';
import { topics } from '../support/kafka/topics.ts';
import { freePort } from '../support/network/free-port.ts';

const jarsDir = join(root, '.tools/kafka');

/**
 * The image's start script passes its environment to `KafkaDockerWrapper`, which writes `server.properties` and formats the
 * storage. Then the script starts Kafka. Both are in Kafka's jar, so they run here unchanged, with other ports and folders.
 */
describe.runIf(existsSync(jarsDir))('the broker of docker-compose.yml, from its environment', () => {
  it('is set up by the same class as in the image, starts, and creates our topics', { tags: ['full'] }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-broker-'));
    for (const name of ['defaults', 'mounted', 'final']) mkdirSync(join(folder, name));
    const [client = 0, controller = 0] = await freePorts(2);
    const ports = [client, controller] as const;
    const { env, heap } = environmentOf(folder, ports);
    const java = (log: string, ...args: string[]) =>
      startChildServer(
        [
          'java',
          ...heap,
          `-Dlog4j2.configurationFile=${join(root, 'kafka/broker/log4j2.xml')}`,
          '-cp',
          join(jarsDir, '*'),
          ...args,
        ],
        {
          cwd: folder,
          logFile: join(folder, log),
          env,
        },
      );
    try {
      const dirs = [
        '--default-configs-dir',
        'defaults',
        '--mounted-configs-dir',
        'mounted',
        '--final-configs-dir',
        'final',
      ];
      const setUp = await java('setup.log', 'kafka.docker.KafkaDockerWrapper', 'setup', ...dirs);
      expect(await setUp.ended, tailOf(join(folder, 'setup.log'))).toBe(0);
      expect(readFileSync(join(folder, 'final/server.properties'), 'utf8')).not.toMatch(/heap/);

      const broker = await java('broker.log', 'kafka.Kafka', 'final/server.properties');
      try {
        const isStarted = () => readFileSync(join(folder, 'broker.log'), 'utf8').includes('Kafka Server started');
        while (!isStarted() && !broker.hasEnded()) await delay(50);
        expect(isStarted(), tailOf(join(folder, 'broker.log'))).toBe(true);
        await using admin = createAdmin(plainClient([`localhost:${ports[0]}`]));
        await admin.ensureTopics({ partitions: 4, replicationFactor: 1, rawRetentionMs: 1e9, maxBodyBytes: 4_000_000 });
        expect((await admin.topicOffsets(topics.movieIds.name)).high.size).toBe(4);
        expect(await admin.clusterId()).toBe(env['CLUSTER_ID']);
        expect(await isHealthy(ports[0])).toBe(true);
      } finally {
        await broker.stop();
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('the health check of that broker', () => {
  const serving = async (onConnection: (socket: Socket) => void) => {
    const server = createServer((socket) => {
      // The check may close the connection before it has read everything.
      socket.on('error', () => {});
      onConnection(socket);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    return { port, [Symbol.dispose]: () => void server.close() };
  };

  it('fails when nothing listens', async () => {
    expect(await isHealthy(await freePort())).toBe(false);
  });

  it.each<[string, (socket: Socket) => void]>([
    ['closes the connection', (socket) => socket.end()],
    ['answers something else', (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
    // Length, correlation id 1, error code 2.
    ['answers with an error', (socket) => socket.end(Buffer.from([0, 0, 0, 10, 0, 0, 0, 1, 0, 2]))],
  ])('fails if the port is open and a server %s', async (_, onConnection) => {
    using server = await serving(onConnection);
    expect(await isHealthy(server.port)).toBe(false);
  });

  it('sends a request of the protocol, and reads its answer', async () => {
    const received: Buffer[] = [];
    using server = await serving((socket) =>
      socket.on('data', (data) => {
        received.push(data);
        socket.end(Buffer.from([0, 0, 0, 10, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
      }),
    );
    expect(await isHealthy(server.port)).toBe(true);
    // Length 10, ApiVersions (18) version 0, correlation id 1, no client id.
    expect(Buffer.concat(received).toString('hex')).toBe('0000000a0012000000000001ffff');
  });
});

/** Runs the health check of docker-compose.yml against a port of this machine, with the same shell as in the image. */
async function isHealthy(port: number): Promise<boolean> {
  const [, ...command] = readYaml<Compose>('docker-compose.yml').services['kafka']?.healthcheck?.test ?? [];
  const [shell = '', ...args] = command.map((word) => word.replaceAll('$$', '$').replace('/9092', `/${port}`));
  const [code] = await once(spawn(shell, args, { stdio: 'ignore' }), 'close');
  return code === 0;
}

function environmentOf(
  folder: string,
  [client, controller]: readonly [number, number],
): { env: Readonly<Record<string, string>>; heap: readonly string[] } {
  const given = readYaml<Compose>('docker-compose.yml').services['kafka']?.environment ?? {};
  const here = (value: string) =>
    interpolate(value)
      .replaceAll('kafka:9092', `localhost:${client}`)
      .replaceAll('//:9092', `//127.0.0.1:${client}`)
      .replaceAll('//:9093', `//127.0.0.1:${controller}`)
      .replaceAll(':9093', `:${controller}`)
      .replace('/var/lib/kafka/data', folder);
  const env: Record<string, string> = Object.fromEntries(
    Object.entries(given).map(([name, value]) => [name, here(String(value))]),
  );
  const path = process.env['PATH'] ?? '';
  return { env: { ...env, PATH: path }, heap: env['KAFKA_HEAP_OPTS']?.split(' ') ?? [] };
}
