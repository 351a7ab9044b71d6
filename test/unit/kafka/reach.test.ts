import kafkajs from 'kafkajs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { isOutage, KafkaError, TransientError } from '../../../kafka/errors.ts';
import { Reach, type ReachOptions } from '../../../kafka/reach.ts';
import { createLogger } from '../../../runtime/logger.ts';

const { KafkaJSConnectionError, KafkaJSNumberOfRetriesExceeded, KafkaJSProtocolError } = kafkajs;

const refused = () => new KafkaJSConnectionError('Connection error: connect ECONNREFUSED 127.0.0.1:1');
const protocolError = (type: string, retriable: boolean) =>
  new KafkaJSProtocolError(Object.assign(new Error(type), { type, code: 1, retriable }));

const inKafkajs = (error: Error) =>
  Object.assign(error, {
    stack: `${error}\n    at BrokerPool.find (/app/node_modules/kafkajs/src/cluster/brokerPool.js:1:2)`,
  });

describe('an error that may be an outage', () => {
  it.each([
    ['a connection that is refused', refused(), true],
    ['exhausted retries', new KafkaJSNumberOfRetriesExceeded(refused(), { retryCount: 1, retryTime: 1 }), true],
    ['a partition that has no leader', protocolError('LEADER_NOT_AVAILABLE', true), true],
    ['too few replicas in sync', protocolError('NOT_ENOUGH_REPLICAS', true), true],
    ['a coordinator that has moved', protocolError('NOT_COORDINATOR_FOR_GROUP', true), true],
    ['a rebalance', protocolError('REBALANCE_IN_PROGRESS', false), true],
    ['our transient error', new TransientError('late'), true],
    ['a right that is missing', protocolError('TOPIC_AUTHORIZATION_FAILED', false), false],
    ['a record that is too large', protocolError('MESSAGE_TOO_LARGE', false), false],
    ['our own error', new KafkaError('no'), false],
    ['metadata that kafkajs has lost', inKafkajs(new TypeError('reading brokers of null')), true],
    ['a bug', new TypeError('x is undefined'), false],
  ])('%s: %s', (_, error, is) => {
    expect(isOutage(error)).toBe(is);
  });
});

describe('the reach of Kafka', () => {
  let lines: { level: string; message: string; reason?: string }[];
  beforeEach(() => {
    vi.useFakeTimers();
    lines = [];
  });
  afterEach(() => vi.useRealTimers());

  const log = Object.assign(createLogger('silent', []), {
    warn: (fields: { reason?: string }, message: string) => lines.push({ level: 'warn', message, ...fields }),
  });
  const clock = {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    sleep: (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms)),
  };
  const reachOf = (more: Partial<ReachOptions> = {}) =>
    new Reach({ patienceMs: Number.POSITIVE_INFINITY, clock, random: () => 0.5, log, ...more });
  /** Fails until it is told to work. */
  const broken = () => {
    const state = { works: false, attempts: 0 };
    const ask = async () => {
      state.attempts += 1;
      if (!state.works) throw refused();
      return 'done';
    };
    return { state, ask };
  };

  it('[R23] is waited for without limit, with one log line when it is lost and one when it is back', async () => {
    const reach = reachOf();
    const { state, ask } = broken();
    const calls = Promise.all([reach.persist('asking', ask), reach.persist('reading', ask)]);
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(reach.reason).toContain('ECONNREFUSED');
    // Two callers, an attempt a second: backoff is bounded.
    expect(state.attempts).toBeGreaterThan(5_000);
    expect(state.attempts).toBeLessThan(8_000);
    state.works = true;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await calls).toEqual(['done', 'done']);
    expect(reach.reason).toBeNull();
    expect(lines.map(({ level, message }) => [level, message])).toEqual([
      ['warn', 'Kafka is out of reach, waiting for it'],
      ['warn', 'Kafka is back'],
    ]);
  });

  it('is lost a second after the first failure, and not after a shorter failure', async () => {
    const reach = reachOf();
    const { state, ask } = broken();
    const call = reach.persist('asking', ask);
    await vi.advanceTimersByTimeAsync(600);
    expect(reach.reason).toBeNull();
    state.works = true;
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await call).toBe('done');
    expect(lines).toEqual([]);
    const hanging = broken();
    void reach.persist('asking', hanging.ask);
    await vi.advanceTimersByTimeAsync(1_100);
    expect(reach.reason).toContain('ECONNREFUSED');
  });

  it('[R23] reports one outage if Kafka returns step by step', async () => {
    const reach = reachOf();
    const [first, second] = [broken(), broken()];
    void reach.persist('asking', first.ask);
    await vi.advanceTimersByTimeAsync(5_000);
    first.state.works = true;
    void reach.persist('reading', second.ask);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(reach.reason).not.toBeNull();
    second.state.works = true;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(lines).toHaveLength(2);
  });

  it('is given up at the time limit of a command, with a remedy', async () => {
    const reach = reachOf({ patienceMs: 20_000 });
    const call = reach.persist('connecting to Kafka', broken().ask);
    const failed = expect(call).rejects.toThrow(/connecting to Kafka failed.*start Kafka, or correct KAFKA_BROKERS/);
    await vi.advanceTimersByTimeAsync(19_000);
    expect(reach.reason).not.toBeNull();
    await vi.advanceTimersByTimeAsync(3_000);
    await failed;
  });

  it.each([
    ['no attempt helps', protocolError('TOPIC_AUTHORIZATION_FAILED', false), 'KafkaRefusedError'],
    ['it is not an error of Kafka', new TypeError('x is undefined'), 'KafkaError'],
  ])('is not retried when %s', async (_, error, name) => {
    const call = reachOf().persist('asking', () => Promise.reject(error));
    await expect(call).rejects.toMatchObject({ name });
  });

  it('gives up a topic that does not exist after ten seconds, also in a service', async () => {
    const call = reachOf().persist('asking', () => Promise.reject(protocolError('UNKNOWN_TOPIC_OR_PARTITION', true)));
    const failed = expect(call).rejects.toThrow('is the topic there?');
    await vi.advanceTimersByTimeAsync(13_000);
    await failed;
  });

  it('is not given up for a topic that is unknown only at the end of an outage', async () => {
    let error: Error = refused();
    const call = reachOf().persist('asking', async () => {
      if (performance.now() < 60_000) throw error;
      return 'done';
    });
    await vi.advanceTimersByTimeAsync(55_000);
    error = protocolError('UNKNOWN_TOPIC_OR_PARTITION', true);
    await vi.advanceTimersByTimeAsync(7_000);
    expect(await call).toBe('done');
  });

  it('[R192] is lost while a call has no answer, also if other calls are answered', async () => {
    const reach = reachOf();
    const write = Promise.withResolvers<string>();
    const call = reach.persist('writing to x', () => write.promise);
    const reasons = new Set<string | null>();
    await vi.advanceTimersByTimeAsync(6_000);
    for (let probes = 0; probes < 20; probes += 1) {
      await reach.persist('probing', async () => 'here');
      await vi.advanceTimersByTimeAsync(1_000);
      reasons.add(reach.reason);
    }
    expect([...reasons]).toEqual(['writing to x: no answer for 5.0 s']);
    write.resolve('written');
    expect(await call).toBe('written');
    await vi.advanceTimersByTimeAsync(2_000);
    expect(reach.reason).toBeNull();
    expect(lines).toHaveLength(2);
  });

  it('is not lost while each call is answered within five seconds', async () => {
    const reach = reachOf();
    const slow = () => new Promise((resolve) => void setTimeout(resolve, 4_900));
    const calls = (async () => {
      for (let round = 0; round < 3; round += 1) await reach.persist('writing to x', slow);
    })();
    await vi.advanceTimersByTimeAsync(20_000);
    await calls;
    expect(lines).toEqual([]);
  });

  it('is waited for only a few more seconds after a stop request', async () => {
    const stop = new AbortController();
    const reach = reachOf({ signal: stop.signal });
    const reason = new Error('stopped');
    const call = reach.persist('asking', broken().ask);
    const hanging = reach.persist('reading', () => new Promise(() => {}));
    const failed = Promise.all([expect(call).rejects.toBe(reason), expect(hanging).rejects.toBe(reason)]);
    await vi.advanceTimersByTimeAsync(60_000);
    stop.abort(reason);
    await vi.advanceTimersByTimeAsync(6_000);
    await failed;
  });
});
