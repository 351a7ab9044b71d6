import { createRequire } from 'node:module';
import kafkajs from 'kafkajs';
import { expect, it } from 'vitest';
import { knownKafkajs, patchKafkajs } from '../../../kafka/kafkajs-internals.ts';

interface Group {
  memberId: string;
  lastRequest: number;
  coordinator: { heartbeat(): Promise<void> };
  heartbeat(options: { readonly interval: number }): Promise<void>;
}

const load = createRequire(import.meta.url);
const ConsumerGroup = load('kafkajs/src/consumer/consumerGroup') as new (options: object) => Group;
const { KafkaJSConnectionError, KafkaJSRequestTimeoutError } = kafkajs;
/** kafkajs's types do not allow its construction. */
const notFound = Object.assign(new Error('Broker 1 not found'), { name: 'KafkaJSBrokerNotFound' });

it('is written for the installed version of kafkajs', () => {
  const { version } = load('kafkajs/package.json') as { readonly version: string };
  expect(version).toBe(knownKafkajs.version);
  const { versions } = load('kafkajs/src/protocol/requests/fetch') as { readonly versions: readonly string[] };
  expect(Math.max(...versions.map(Number))).toBe(knownKafkajs.fetchVersion);
});

/** A member whose coordinator answers a heartbeat with `error`. @returns the error that kafkajs throws. */
async function heartbeatWith(error: Error): Promise<unknown> {
  patchKafkajs();
  const group = new ConsumerGroup({ logger: { namespace: () => ({}) }, groupId: 'group', topics: [] });
  Object.assign(group, { memberId: 'member', lastRequest: 0, coordinator: { heartbeat: () => Promise.reject(error) } });
  return group.heartbeat({ interval: 1 }).catch((thrown: unknown) => thrown);
}

it.each([
  ['is refused', new KafkaJSConnectionError('Connection error: connect ECONNREFUSED 127.0.0.1:1')],
  ['gets no answer', new KafkaJSRequestTimeoutError('Request Heartbeat timed out')],
  ['goes to a broker that the cluster does not have', notFound],
])('[R109] a heartbeat that %s makes the member look up its coordinator again', async (_, error) => {
  // On this error from Kafka, kafkajs joins again as the same member.
  expect(await heartbeatWith(error)).toMatchObject({ type: 'NOT_COORDINATOR_FOR_GROUP' });
});

it('does not change the errors that Kafka itself returns', async () => {
  const answer = Object.assign(new Error('rebalance'), { type: 'REBALANCE_IN_PROGRESS' });
  expect(await heartbeatWith(answer)).toBe(answer);
});
