/** Corrections of kafkajs 2.2.4. They rely on its inside, as `kafkajs-internals.ts` does. */
import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { protocolErrorOf } from './errors.ts';
import { type Cluster, type Coordinator, createErrorFromCode, load } from './kafkajs-internals.ts';

const { KafkaJSError, KafkaJSConnectionError, KafkaJSConnectionClosedError } = load<{
  KafkaJSError: new (message: string) => Error;
  KafkaJSConnectionError: new (message: string, at: { readonly broker: string }) => Error;
  KafkaJSConnectionClosedError: new (message: string, at: { readonly host: string; readonly port: number }) => Error;
}>('errors');

let isPatched = false;

/** Corrects the behavior of all clients of kafkajs in this process, see the functions below. Idempotent. */
export function patchKafkajs(): void {
  if (isPatched) return;
  isPatched = true;
  stopIdlePolling();
  closeSilentConnections();
  closeRefusedConnections();
  findLostCoordinators();
  leaveWithoutJoining();
  endFetchersOfStoppedConsumers();
  deliverFilteredBatches();
}

interface RequestQueue {
  /** Host and port. */
  readonly broker: string;
  /** Milliseconds. */
  readonly requestTimeout: number;
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests(): void;
  createSocketRequest(request: { readonly requestTimeout?: number | null }): { requestTimeout: number };
}

/**
 * kafkajs checks every millisecond whether requests wait, even when none do, with a negative timeout that Node 24 warns of
 * (kafkajs #1751, #1704, open). With this patch it checks only while requests wait: no warning, and an idle consumer
 * costs next to nothing.
 */
function stopIdlePolling(): void {
  const { prototype } = load<{ prototype: RequestQueue }>('network/requestQueue');
  const { scheduleCheckPendingRequests } = prototype;
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length > 0) scheduleCheckPendingRequests.call(this);
  };
}

interface Connection {
  /** Host and port. */
  readonly broker: string;
  readonly socket: Socket | null;
  readonly host: string;
  readonly port: number;
  send(request: { readonly request: { readonly apiKey: number } }): Promise<unknown>;
  authenticate(): Promise<void>;
  disconnect(): Promise<unknown>;
}

/** ApiVersions, the first request of a connection: https://kafka.apache.org/protocol#protocol_api_keys */
const apiVersionsKey = 18;

/** The part of the request timeout that a broker gets after it has not answered. */
const silentShare = 1 / 6;

/**
 * kafkajs keeps a connection after a request timed out on it, and sends the next attempt over it. If the other end disappeared
 * silently (a host without power, a firewall that dropped its state), retries and heartbeats go nowhere for a quarter of an
 * hour. With this patch the connection fails with the request, as in Kafka's own client, and the next attempt opens a new one. The
 * error is that of a closed connection, after which kafkajs looks for another leader; or, during the handshake, that of a failed
 * attempt to connect, after which it does not try this broker again. After a timeout it would send the request to the same broker.
 *
 * A broker that hangs accepts the new connection as well, and each of many requests would wait for it again: for its metadata, the
 * coordinator, the leader. So until it has answered, each of its requests waits for a sixth of the time, or for as long as
 * kafkajs gives this kind of request (a long poll, a group that is rebalanced). kafkajs itself ignores times that are shorter than the
 * request timeout.
 */
function closeSilentConnections(): void {
  const { prototype } = load<{ prototype: Connection }>('network/connection');
  const { prototype: queue } = load<{ prototype: RequestQueue }>('network/requestQueue');
  const { send } = prototype;
  const { createSocketRequest } = queue;
  const silent = new Set<string>();
  queue.createSocketRequest = function (this: RequestQueue, request) {
    const created = createSocketRequest.call(this, request);
    if (!silent.has(this.broker)) return created;
    const requestTimeout = Math.max(this.requestTimeout * silentShare, request.requestTimeout ?? 0);
    return Object.assign(created, { requestTimeout });
  };
  prototype.send = async function (this: Connection, request) {
    try {
      const answer = await send.call(this, request);
      silent.delete(this.broker);
      return answer;
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'KafkaJSRequestTimeoutError') throw error;
      silent.add(this.broker);
      this.socket?.destroy(error);
      // kafkajs uses this connection for the next attempt until the socket has emitted its close event.
      await setImmediate();
      const { message } = error;
      throw request.request.apiKey === apiVersionsKey
        ? new KafkaJSConnectionError(message, { broker: this.broker })
        : new KafkaJSConnectionClosedError(message, { host: this.host, port: this.port });
    }
  };
}

/**
 * kafkajs leaves a connection open after its login failed. If the broker does not close it either, it keeps a command from
 * ending. With this patch the connection closes with the failed login.
 */
function closeRefusedConnections(): void {
  const { prototype } = load<{ prototype: Connection }>('network/connection');
  const { authenticate } = prototype;
  prototype.authenticate = async function (this: Connection) {
    try {
      await authenticate.call(this);
    } catch (error) {
      await this.disconnect();
      throw error;
    }
  };
}

interface ConsumerGroup {
  readonly groupId: string;
  readonly cluster: Cluster;
  coordinator: Coordinator;
  /** null until the member has joined, also after Kafka has forgotten it. */
  readonly memberId: string | null;
  /** Commits for one assignment, as one member of one generation, at one coordinator; replaced when the member has joined again. */
  readonly offsetManager: object;
  heartbeat(options: object): Promise<void>;
  commitOffsets(offsets: object): Promise<void>;
  joinAndSync(): Promise<void>;
  leave(): Promise<void>;
}

/** NOT_COORDINATOR, https://kafka.apache.org/protocol#protocol_error_codes */
const notCoordinator = 16;

/** Errors after which the coordinator may be another broker. */
const unreachable = /^KafkaJS(Connection(Closed)?Error|RequestTimeoutError|BrokerNotFound|LockTimeout)$/;
/** Answers that Kafka repeats until the member has joined again. */
const mustJoin = new Set<string | null>(['NOT_COORDINATOR_FOR_GROUP', 'UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION']);

/** Also if kafkajs wrapped the error, as it does when it connects again. */
const isUnreachable = (error: unknown): boolean =>
  error instanceof Error && (unreachable.test(error.name) || isUnreachable(error.cause));

/**
 * kafkajs keeps the coordinator that it found when it joined, and sends heartbeats to it until its attempts are used up, even
 * if the group has another coordinator by then (kafkajs #1630). With this patch a heartbeat that cannot be delivered counts as
 * Kafka's own answer "not the coordinator": the member looks up the coordinator and joins again, as the same member.
 *
 * If the connection is lost while a member joins, kafkajs continues as if it had joined: it fetches, and sends heartbeats to the new
 * coordinator, which accepts them, or none at all if it has no member id yet. But its commits go to the former coordinator, or come
 * from the former member, and are refused again and again. With this patch, heartbeats count as "not the coordinator" also without a
 * member id, and after a commit that was refused or not delivered, until the member has joined. A member that leaves instead looks
 * up the coordinator first.
 */
function findLostCoordinators(): void {
  const { prototype } = load<{ prototype: ConsumerGroup }>('consumer/consumerGroup');
  const { heartbeat, commitOffsets, leave } = prototype;
  const outdated = new WeakSet<object>();
  const mayHaveMoved = new WeakSet<object>();
  prototype.commitOffsets = async function (this: ConsumerGroup, offsets) {
    const { offsetManager } = this;
    try {
      await commitOffsets.call(this, offsets);
    } catch (error) {
      if (isUnreachable(error) || mustJoin.has(protocolErrorOf(error))) outdated.add(offsetManager);
      throw error;
    }
  };
  prototype.heartbeat = async function (this: ConsumerGroup, options) {
    if (this.memberId === null || outdated.has(this.offsetManager)) throw createErrorFromCode(notCoordinator);
    try {
      await heartbeat.call(this, options);
    } catch (error) {
      if (isUnreachable(error) || mustJoin.has(protocolErrorOf(error))) mayHaveMoved.add(this.offsetManager);
      throw isUnreachable(error) ? createErrorFromCode(notCoordinator) : error;
    }
  };
  prototype.leave = async function (this: ConsumerGroup) {
    const { groupId, offsetManager } = this;
    const isLost = outdated.has(offsetManager) || mayHaveMoved.has(offsetManager);
    if (this.memberId !== null && isLost) this.coordinator = await this.cluster.findGroupCoordinator({ groupId });
    await leave.call(this);
  };
}

interface Runner {
  readonly running: boolean;
  readonly consumerGroup: ConsumerGroup;
  fetch(nodeId: string): Promise<unknown>;
  stop(): Promise<void>;
}

/**
 * If a consumer that is being stopped learns from a heartbeat of its last batch that it must join again, kafkajs joins before it
 * leaves: the group is rebalanced twice, and waits for the handler of each member. With this patch the consumer only leaves.
 */
function leaveWithoutJoining(): void {
  const { prototype } = load<{ prototype: Runner }>('consumer/runner');
  const { stop } = prototype;
  prototype.stop = async function (this: Runner) {
    // The consumer never uses this group again: a new run has a new one.
    if (this.running) this.consumerGroup.joinAndSync = async () => {};
    await stop.call(this);
  };
}

/**
 * If the brokers of the cluster change while a consumer is stopped, kafkajs starts new fetchers that nothing stops. Each fetch of a consumer
 * that does not run returns at once, without a pause, so no timer and no signal handler of the process ever runs again. With this patch
 * such a fetch fails, which ends the fetchers; kafkajs tries again, and sees that the consumer does not run.
 */
function endFetchersOfStoppedConsumers(): void {
  const { prototype } = load<{ prototype: Runner }>('consumer/runner');
  const { fetch } = prototype;
  prototype.fetch = async function (this: Runner, nodeId) {
    if (!this.running) throw new KafkaJSError('the consumer does not run');
    return fetch.call(this, nodeId);
  };
}

interface BatchPrototype {
  readonly rawMessages: readonly unknown[];
  isEmpty(): boolean;
  isEmptyDueToFiltering(): boolean;
}

/**
 * kafkajs does not deliver a batch that contains only markers or aborted records; it only moves its position. With this patch
 * it delivers the batch without messages, so that its offsets can be counted. Only the loop that delivers batches calls
 * these two methods.
 */
function deliverFilteredBatches(): void {
  const { prototype } = load<{ prototype: BatchPrototype }>('consumer/batch');
  prototype.isEmptyDueToFiltering = () => false;
  prototype.isEmpty = function (this: BatchPrototype) {
    return this.rawMessages.length === 0;
  };
}
