import { createRequire } from 'node:module';

interface ConsumerGroup {
  heartbeat(options: object): Promise<void>;
}

const load = createRequire(import.meta.url);

/** Errors after which the coordinator may be another broker. */
const lost = /^KafkaJS(Connection(Closed)?Error|RequestTimeoutError|BrokerNotFound|LockTimeout)$/;

/**
 * kafkajs 2.2.4 keeps the coordinator that it found when it joined, and sends heartbeats to it until its attempts are used up,
 * though the group has long had another coordinator (kafkajs #1630). Here a heartbeat that cannot be delivered counts as
 * Kafka's own answer "not the coordinator": the member looks the coordinator up and joins again, as the same member.
 */
export function loseCoordinatorWithItsConnection(): void {
  const { prototype } = load('kafkajs/src/consumer/consumerGroup') as { prototype: ConsumerGroup };
  if (patched.has(prototype)) return;
  patched.add(prototype);
  const { heartbeat } = prototype;
  prototype.heartbeat = async function (this: ConsumerGroup, options) {
    try {
      await heartbeat.call(this, options);
    } catch (error) {
      if (!(error instanceof Error && lost.test(error.name))) throw error;
      throw createErrorFromCode(notCoordinator);
    }
  };
}

const patched = new WeakSet<ConsumerGroup>();

/** NOT_COORDINATOR, https://kafka.apache.org/protocol#protocol_error_codes */
const notCoordinator = 16;
const { createErrorFromCode } = load('kafkajs/src/protocol/error') as { createErrorFromCode(code: number): Error };
