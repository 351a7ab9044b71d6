import { KafkaContainer } from '@testcontainers/kafka';
import { messageOf } from '../errors.ts';
import type { Broker } from './broker.ts';
import { BrokerError } from './errors.ts';

/**
 * A broker in a container, for machines with a container engine and without Java. It keeps nothing: its data goes with
 * it. Not covered by our tests: neither the CI nor a laptop without an engine can run it.
 * @throws BrokerError when there is no engine or the container does not start.
 */
export async function startContainerBroker(image = 'apache/kafka:4.4.0'): Promise<Broker> {
  try {
    const container = await new KafkaContainer(image).withKraft().withExposedPorts(9093).start();
    return {
      brokers: [`${container.getHost()}:${container.getMappedPort(9093)}`],
      [Symbol.asyncDispose]: async () => {
        await container.stop();
      },
    };
  } catch (error) {
    throw new BrokerError(`no Kafka in a container: ${messageOf(error)}`, { cause: error });
  }
}
