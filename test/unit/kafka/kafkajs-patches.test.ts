import { createRequire } from 'node:module';
import { setImmediate } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import { expect, it, vi } from 'vitest';
import { newEncoder } from '../../../kafka/kafkajs-internals.ts';
import { patchKafkajs } from '../../../kafka/kafkajs-patches.ts';

interface Group {
  memberId: string | null;
  lastRequest: number;
  coordinator: { heartbeat(): Promise<void> };
  offsetManager: { commitOffsets(): Promise<void> };
  commitOffsets(offsets: object): Promise<void>;
  leave(): Promise<void>;
  heartbeat(options: { readonly interval: number }): Promise<void>;
}

const load = createRequire(import.meta.url);
const ConsumerGroup = load('kafkajs/src/consumer/consumerGroup') as new (options: object) => Group;
const { KafkaJSConnectionError, KafkaJSNumberOfRetriesExceeded, KafkaJSRequestTimeoutError } = kafkajs;
/** kafkajs's types do not allow its construction. */
const notFound = Object.assign(new Error('Broker 1 not found'), { name: 'KafkaJSBrokerNotFound' });

/** An answer of Kafka. */
const answer = (type: string): Error => Object.assign(new Error(type), { type });

/** A member of a group. @param heartbeat the coordinator's answer. @param commitOffsets that of the coordinator for commits. */
function memberOf(heartbeat: () => Promise<void>, commitOffsets: () => Promise<void>): Group {
  patchKafkajs();
  const group = new ConsumerGroup({ logger: { namespace: () => ({}) }, groupId: 'group', topics: [] });
  return Object.assign(group, {
    ...{ memberId: 'member', lastRequest: 0, instrumentationEmitter: { emit: () => {} } },
    ...{ coordinator: { heartbeat }, offsetManager: { commitOffsets } },
  });
}

const thrownBy = (promise: Promise<void>): Promise<unknown> => promise.then(() => null).catch((thrown) => thrown);

/** A member whose coordinator answers a heartbeat with `error`. @returns the error that kafkajs throws. */
const heartbeatWith = (error: Error): Promise<unknown> =>
  thrownBy(
    memberOf(
      () => Promise.reject(error),
      () => Promise.resolve(),
    ).heartbeat({ interval: 1 }),
  );

it.each([
  ['is refused', new KafkaJSConnectionError('Connection error: connect ECONNREFUSED 127.0.0.1:1')],
  ['gets no answer', new KafkaJSRequestTimeoutError('Request Heartbeat timed out')],
  ['goes to a broker that the cluster does not have', notFound],
])('[R109] a heartbeat that %s makes the member look up its coordinator again', async (_, error) => {
  // On this error from Kafka, kafkajs joins again as the same member.
  expect(await heartbeatWith(error)).toMatchObject({ type: 'NOT_COORDINATOR_FOR_GROUP' });
});

it('does not change the errors that Kafka itself returns', async () => {
  const error = answer('REBALANCE_IN_PROGRESS');
  expect(await heartbeatWith(error)).toBe(error);
});

it.each([
  new KafkaJSConnectionError('Connection error: connect ECONNREFUSED 127.0.0.1:1'),
  new KafkaJSNumberOfRetriesExceeded(new KafkaJSRequestTimeoutError('Request ApiVersions timed out'), {
    ...{ retryCount: 3, retryTime: 100 },
  }),
  ...['NOT_COORDINATOR_FOR_GROUP', 'UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION'].map(answer),
])('[R109] after a commit that fails with "$message", heartbeats make the member join until it has', async (error) => {
  const group = memberOf(
    () => Promise.resolve(),
    () => Promise.reject(error),
  );
  expect(await thrownBy(group.heartbeat({ interval: 1 }))).toBeNull();
  expect(await thrownBy(group.commitOffsets({}))).toBe(error);
  // The heartbeat of a batch in progress ignores errors, so that of the next one must fail as well.
  for (const _time of ['first', 'second']) {
    expect(await thrownBy(group.heartbeat({ interval: 1 }))).toMatchObject({ type: 'NOT_COORDINATOR_FOR_GROUP' });
  }
  // As kafkajs does when the member has joined.
  group.offsetManager = { commitOffsets: () => Promise.resolve() };
  expect(await thrownBy(group.heartbeat({ interval: 1 }))).toBeNull();
});

it('after a commit that Kafka refuses for another reason, heartbeats stay as they are', async () => {
  const error = answer('REBALANCE_IN_PROGRESS');
  const group = memberOf(
    () => Promise.resolve(),
    () => Promise.reject(error),
  );
  expect(await thrownBy(group.commitOffsets({}))).toBe(error);
  expect(await thrownBy(group.heartbeat({ interval: 1 }))).toBeNull();
});

it('[R109] a member that Kafka has forgotten joins, also if its first attempt to join failed', async () => {
  const group = memberOf(
    () => Promise.resolve(),
    () => Promise.resolve(),
  );
  group.memberId = null;
  expect(await thrownBy(group.heartbeat({ interval: 1 }))).toMatchObject({ type: 'NOT_COORDINATOR_FOR_GROUP' });
});

interface Runner {
  running: boolean;
  fetchManager: { start(): Promise<void>; stop(): Promise<void> };
  readonly consuming: boolean;
  fetch(nodeId: string): Promise<unknown>;
  scheduleFetchManager(): void;
  stop(): Promise<void>;
}

const Runner = load('kafkajs/src/consumer/runner') as new (options: object) => Runner;

/** A running consumer that fetches until `ends` settles. @returns also what it asks of its group, in order. */
function runningUntil(ends: PromiseWithResolvers<void>) {
  patchKafkajs();
  const asked: string[] = [];
  const log = { namespace: () => log, debug: () => {}, error: () => {}, info: () => {}, warn: () => {} };
  const runner = new Runner({
    logger: log,
    instrumentationEmitter: { emit: () => {} },
    consumerGroup: {
      joinAndSync: async () => void asked.push('join'),
      leave: async () => void asked.push('leave'),
    },
    concurrency: 1,
  });
  runner.running = true;
  // Once more after it has joined again, and then for ever.
  const fetching = [ends.promise];
  runner.fetchManager = { start: () => fetching.pop() ?? new Promise(() => {}), stop: async () => {} };
  runner.scheduleFetchManager();
  return { runner, asked };
}

const mustJoin = ['REBALANCE_IN_PROGRESS', 'NOT_COORDINATOR_FOR_GROUP', 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID'];

it.each(mustJoin)('[R190] a consumer whose last batch ends with %s leaves, and does not join before', async (type) => {
  const ends = Promise.withResolvers<void>();
  const { runner, asked } = runningUntil(ends);
  const stopped = runner.stop();
  ends.reject(answer(type));
  await stopped;
  expect(asked).toEqual(['leave']);
});

it('[R191] a consumer that is stopped while its brokers change ends all its fetchers', async () => {
  patchKafkajs();
  const log = { namespace: () => log, debug: () => {}, error: () => {}, info: () => {}, warn: () => {} };
  let brokers = ['1', '2'];
  const [first, second] = [Promise.withResolvers<never[]>(), Promise.withResolvers<never[]>()];
  const consumerGroup = {
    getNodeIds: () => brokers,
    fetch: (nodeId: string) => (nodeId === '1' ? first : second).promise,
    heartbeat: async () => {},
    leave: async () => {},
  };
  const runner = new Runner({ logger: log, instrumentationEmitter: { emit: () => {} }, consumerGroup, concurrency: 1 });
  // Without this, the new fetchers would never let the event loop continue.
  await expect(runner.fetch('1')).rejects.toThrow('the consumer does not run');
  runner.running = true;
  runner.scheduleFetchManager();
  brokers = ['1', '3'];
  // The first fetcher sees the change. New fetchers start when the second one has ended.
  first.resolve([]);
  await setImmediate();
  const stopped = runner.stop();
  second.resolve([]);
  await stopped;
  expect(runner.consuming).toBe(false);
});

it.each(mustJoin)('a consumer that is not being stopped joins again after %s', async (type) => {
  const ends = Promise.withResolvers<void>();
  const { asked } = runningUntil(ends);
  ends.reject(answer(type));
  await vi.waitFor(() => expect(asked).toEqual(['join']), { timeout: 10_000 });
});

it.each([
  ['a heartbeat that was not delivered', (group: Group) => group.heartbeat({ interval: 1 })],
  ['a commit that was not delivered', (group: Group) => group.commitOffsets({})],
])('[R190] a member that leaves after %s leaves at the present coordinator', async (_, act) => {
  const left: string[] = [];
  const coordinator = (name: string) => ({ leaveGroup: async () => void left.push(name) });
  const leaving = async (error: Error | null) => {
    const ask = () => (error ? Promise.reject(error) : Promise.resolve());
    const group = memberOf(ask, ask);
    Object.assign(group.coordinator, coordinator('former'));
    Object.assign(group, { cluster: { findGroupCoordinator: async () => coordinator('present') } });
    await thrownBy(act(group));
    await group.leave();
  };
  await leaving(new KafkaJSConnectionError('Connection error: connect ECONNREFUSED 127.0.0.1:1'));
  await leaving(null);
  expect(left).toEqual(['present', 'former']);
});

interface Sent {
  readonly correlationId: number;
  readonly requestTimeout: number;
  timeoutRequest(): void;
}

interface Connection {
  readonly requestQueue: {
    readonly inflight: ReadonlyMap<number, Sent>;
    fulfillRequest(answer: { readonly correlationId: number; readonly payload: Buffer; readonly size: number }): void;
  };
  send(request: object): Promise<unknown>;
}

const Connection = load('kafkajs/src/network/connection') as new (options: object) => Connection;

interface Asked {
  readonly port: number;
  readonly isSilent: boolean;
  /** The time (ms) that kafkajs gives this kind of request. */
  readonly own?: number;
  /** @default that of Metadata */
  readonly apiKey?: number;
}

/** Sends a request to a broker that lets it time out, or answers. @returns after how long (ms) the request times out, and how it ends. */
async function ask({ port, isSilent, own, apiKey = 3 }: Asked) {
  patchKafkajs();
  const log = { debug: () => {}, error: () => {} };
  const logger = { namespace: () => log };
  const connection = new Connection({ port, host: '127.0.0.1', requestTimeout: 30_000, logger });
  const socket = { write: () => {}, destroy: () => {} };
  Object.assign(connection, { isAuthenticated: () => true, failIfNotConnected: () => {}, socket });
  const sending = connection
    .send({
      request: { apiKey, apiName: 'any', apiVersion: 0, encode: async () => newEncoder() },
      response: { decode: async () => ({}), parse: async () => ({}) },
      requestTimeout: own,
    })
    .catch((error: Error) => error);
  const { inflight } = connection.requestQueue;
  await vi.waitUntil(() => inflight.size > 0, { timeout: 10_000, interval: 1 });
  const [sent] = inflight.values();
  if (isSilent) sent?.timeoutRequest();
  else
    connection.requestQueue.fulfillRequest({
      correlationId: sent?.correlationId ?? 0,
      payload: Buffer.alloc(0),
      size: 0,
    });
  return { limitMs: sent?.requestTimeout, end: await sending };
}

const timeLimitOf = async (asked: Asked) => (await ask(asked)).limitMs;

it.each([
  ['any request', 3, { name: 'KafkaJSConnectionClosedError', retriable: true, host: '127.0.0.1', port: 9_003 }],
  ['the handshake', 18, { name: 'KafkaJSConnectionError', retriable: true, broker: '127.0.0.1:9003' }],
])(
  '[R109] %s that times out ends like one whose connection is lost: kafkajs asks another broker',
  async (_, apiKey, error) => {
    expect((await ask({ port: 9_003, isSilent: true, apiKey })).end).toMatchObject(error);
  },
);

it('[R109] a broker that has not answered in time gets a sixth of it until it answers, and no other broker does', async () => {
  const [hanging, other] = [9_001, 9_002];
  expect(await timeLimitOf({ port: hanging, isSilent: true })).toBe(30_000);
  expect(await timeLimitOf({ port: hanging, isSilent: true })).toBe(5_000);
  expect(await timeLimitOf({ port: other, isSilent: false })).toBe(30_000);
  // A long poll, and a request for which kafkajs waits longer than usual.
  expect(await timeLimitOf({ port: hanging, isSilent: true, own: 10_000 })).toBe(10_000);
  expect(await timeLimitOf({ port: hanging, isSilent: true, own: 65_000 })).toBe(65_000);
  expect(await timeLimitOf({ port: hanging, isSilent: false })).toBe(5_000);
  expect(await timeLimitOf({ port: hanging, isSilent: false })).toBe(30_000);
});
