import type { BrokerCredentials } from './credentials.ts';

export interface BrokerPorts {
  readonly client: number;
  readonly controller: number;
}

/**
 * `server.properties` of a single node for one machine: every internal topic has one replica and few partitions, and
 * groups start at once. `extra` overrides these settings.
 */
export function serverProperties(
  logDir: string,
  ports: BrokerPorts,
  extra: Readonly<Record<string, string>> = {},
): string {
  const properties = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    // A fixed voter: a dynamic quorum stores its port at format time, and the ports differ at each start.
    'controller.quorum.voters': `1@127.0.0.1:${ports.controller}`,
    listeners: `PLAINTEXT://127.0.0.1:${ports.client},CONTROLLER://127.0.0.1:${ports.controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${ports.client}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': logDir,
    'auto.create.topics.enable': 'false',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '4',
    // By default Kafka drops the offsets of a group after a week without members; all movies would be fetched again.
    'offsets.retention.minutes': String(10 * 365 * 24 * 60),
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '1',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'share.coordinator.state.topic.num.partitions': '1',
    // After a kill -9 the next start waits until the controller considers the earlier broker dead.
    'broker.session.timeout.ms': '3000',
    'broker.heartbeat.interval.ms': '500',
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '1000',
    'log.cleaner.dedupe.buffer.size': '2097152',
    ...extra,
  };
  return `${Object.entries(properties)
    .map(([name, value]) => `${name}=${escaped(value)}`)
    .join('\n')}\n`;
}

/**
 * Settings with which both ports of the broker, for clients and for its own controller, accept only `credentials`. The controller's port
 * needs them too, because a client that reaches it can create and delete topics.
 */
export function securedBy(
  { username, password }: BrokerCredentials,
  ports: BrokerPorts,
): Readonly<Record<string, string>> {
  const secret = password.reveal();
  const login = `org.apache.kafka.common.security.plain.PlainLoginModule required username="${username}" password="${secret}" user_${username}="${secret}";`;
  return {
    listeners: `LOCAL://127.0.0.1:${ports.client},CONTROLLER://127.0.0.1:${ports.controller}`,
    'advertised.listeners': `LOCAL://127.0.0.1:${ports.client}`,
    'listener.security.protocol.map': 'CONTROLLER:SASL_PLAINTEXT,LOCAL:SASL_PLAINTEXT',
    'inter.broker.listener.name': 'LOCAL',
    'sasl.enabled.mechanisms': 'PLAIN',
    'sasl.mechanism.inter.broker.protocol': 'PLAIN',
    'sasl.mechanism.controller.protocol': 'PLAIN',
    'listener.name.local.plain.sasl.jaas.config': login,
    'listener.name.controller.plain.sasl.jaas.config': login,
  };
}

/** Java reads a properties file as Latin-1. Other characters must be \uXXXX, and a backslash starts an escape. */
const escaped = (value: string): string =>
  value.replace(/[^\x20-\x5b\x5d-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
