import { GenericContainer, Network, Wait } from 'testcontainers';
import { describe, expect, it } from 'vitest';
import { baseImages, image } from '../support/containers/images.ts';
import type { Compose } from '../support/deploy/compose.ts';
import { readYaml } from '../support/deploy/project.ts';

/** The environment of the broker in docker-compose.yml, as the contract of the image defines it. */
const kafkaEnvironment = (): Record<string, string> => {
  const { environment = {} } = readYaml<Compose>('docker-compose.yml').services['kafka'] ?? {};
  return Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, String(value)]));
};

const { kafka, valkey } = baseImages();

describe('Kafka, Valkey and our image, started by testcontainers', () => {
  it('form a pipeline: the sandbox answers, Valkey limits, Kafka keeps the ids', async () => {
    await using network = disposable(await new Network().start(), (started) => started.stop());
    const on = (container: GenericContainer, name: string) =>
      container.withNetwork(network.value).withNetworkAliases(name);
    const start = async (container: GenericContainer) =>
      disposable(await container.start(), (started) => started.stop());

    const broker = on(new GenericContainer(kafka), 'kafka').withEnvironment(kafkaEnvironment());
    await using _kafka = await start(broker.withWaitStrategy(Wait.forLogMessage(/Kafka Server started/)));
    await using _valkey = await start(
      on(
        new GenericContainer(valkey).withCommand(['valkey-server', '--save', '', '--protected-mode', 'no']),
        'valkey',
      ).withWaitStrategy(Wait.forLogMessage(/Ready to accept/)),
    );
    const sandbox = on(new GenericContainer(image), 'sandbox').withCommand([
      'sandbox',
      '--host',
      '0.0.0.0',
      '--port',
      '8080',
    ]);
    // The health check of the image uses the port of a service, which a sandbox does not have.
    await using _sandbox = await start(
      sandbox.withHealthCheck({ test: ['CMD', 'true'] }).withWaitStrategy(Wait.forLogMessage(/8080/)),
    );

    const producer = on(new GenericContainer(image), 'producer')
      .withEnvironment({
        KAFKA_BROKERS: 'kafka:9092',
        TOKEN_BUCKET_URL: 'redis://valkey:6379',
        TMDB_BASE_URL: 'http://sandbox:8080/3',
        TMDB_TOKEN: 'any',
      })
      .withCommand(['produce', 'popular', '--every', '1h', '--pages', '2'])
      .withWaitStrategy(Wait.forHealthCheck());
    await using running = await start(producer);
    const status = async () => {
      const { output } = await running.value.exec(['node', 'cli.ts', 'status', '--json']);
      return output.slice(output.indexOf('{'));
    };
    await expect.poll(status, { timeout: 60_000, interval: 1_000 }).toMatch(/"topic":"tmdb.movie-ids","records":40\b/);
  });
});

const disposable = <T>(value: T, stop: (value: T) => Promise<unknown>) => ({
  value,
  [Symbol.asyncDispose]: async () => {
    await stop(value);
  },
});
