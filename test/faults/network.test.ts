import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAdmin } from '../../kafka/admin.ts';
import { createKafka } from '../../kafka/client.ts';
import { silent } from '../support/kafka/broker.ts';
import { topics } from '../support/kafka/topics.ts';
import { FaultProxy, type Toxic } from '../support/network/fault-proxy.ts';
import { advertisedAs, openBehindProxy } from '../support/network/network-fleet.ts';
import { bandwidth, blackHole, down, latency, limitData, resetPeer, slicer } from '../support/network/toxics.ts';
import { caughtUp } from '../support/processes/drained.ts';
import { FleetBroker, until } from '../support/processes/fleet.ts';
import { SupervisedService } from '../support/processes/supervised-service.ts';
import type { TestBed } from '../support/processes/test-bed.ts';
import { holdOpen } from '../support/warehouse/warehouse-contents.ts';
import { casesOf, isLongForm } from '../tiers.ts';

/** How long each fault lasts. */
const seconds = Number(process.env['FAULT_SECONDS'] ?? 2);

let bed: TestBed;
let proxy: FaultProxy;
let resources: AsyncDisposableStack;

type More = Pick<Parameters<typeof openBehindProxy>[0], 'alsoKnown' | 'env'>;

async function open(movies: number, perSecond: number, more: More = {}): Promise<void> {
  resources = new AsyncDisposableStack();
  const limit = { capacity: perSecond, windowMs: 1_000 };
  ({ bed, proxy } = await openBehindProxy({ limit, sandbox: { movies, latencyMs: [20, 120] }, ...more }));
  resources.use(proxy);
  resources.use(bed);
  await bed.run('produce', 'popular', '--pages', String(movies / 20));
}

const fetched = () => bed.requests.filter(({ path }) => /^\/3\/movie\/\d+$/.test(path)).length;
const rows = (loader: SupervisedService) => loader.service.metric('tmdb_bronze_rows_total');

/** Waits for this number of further requests. */
async function untilFetched(requests: number, timeoutMs = 90_000): Promise<void> {
  const before = fetched();
  await until(`${requests} requests more`, () => fetched() >= before + requests, { timeoutMs });
}

/** Waits until no group has a lag and the audit finds nothing wrong, and drains. @returns what it finds then. */
async function allLoaded(services: readonly SupervisedService[], broker = bed.broker.address) {
  const audit = () => bed.audit({ onlyBronze: true, brokers: [broker] });
  await caughtUp(broker, 120_000);
  await vi.waitFor(audit, { timeout: 120_000, interval: 1_000 });
  expect(await Promise.all(services.map((supervised) => supervised.end()))).toEqual(services.map(() => 0));
  return audit();
}

/** The tests run one after the other on the same services, so a failure may cause later failures. Each may also run alone. */
describe('[Z3] a fleet whose Kafka is behind a bad network', () => {
  // Enough work for all faults, including the slow ones.
  const movies = isLongForm ? Math.min(10_000, 1_800 + 300 * seconds) : 800;
  /** Processes of each stage. */
  const replicas = isLongForm ? [1, 2] : [1];
  let started: SupervisedService[] | undefined;
  let second: FaultProxy;
  /** Where Kafka is, once it has moved. */
  let movedTo: string | undefined;
  const services = () => {
    started ??= ['fetch', 'load'].flatMap((stage) =>
      replicas.map((number) => new SupervisedService(bed.fleet, `${stage}-${number}`, [stage])),
    );
    return started;
  };

  beforeAll(async () => {
    second = await FaultProxy.start();
    await open(movies, 150, { alsoKnown: [second.address] });
    resources.use(second);
  });
  afterAll(() => resources.disposeAsync());

  it('[R23] waits for a Kafka that is down when it starts, and says what it waits for', async () => {
    await proxy.stopListening();
    const memory = () => Promise.all(services().map(({ service }) => service.metric('process_resident_memory_bytes')));
    await memory();
    await delay(2_000);
    const before = await memory();
    await delay(seconds * 2_000);
    const grown = (await memory()).map((bytes, index) => Math.round((bytes - (before[index] ?? 0)) / 1e6));
    for (const { service } of services()) {
      expect(await service.get('/healthz')).toMatchObject({ status: 200 });
      const { status, text } = await service.get('/readyz');
      expect(status).toBe(503);
      expect(JSON.parse(text).checks.kafka).toContain('not connected yet: ');
    }
    process.stdout.write(`grew by ${grown.join(', ')} MB in ${seconds * 2} s without Kafka\n`);
    expect(Math.max(...grown)).toBeLessThan(20);
    await proxy.listenAgain();
    await untilFetched(100);
    expect(services().flatMap(({ deaths }) => deaths)).toEqual([]);
  });

  const toxics: [string, () => Toxic][] = [
    ['delays data by half a second to one and a half', () => latency(1_000, 500)],
    ['is limited to 10 KB/s', () => bandwidth(10_000)],
    ['drops everything', () => blackHole()],
    ['resets every connection', () => resetPeer()],
    ['splits everything into small chunks', () => slicer(64, 1)],
    ['ends connections in the middle of a message', () => limitData(50_000)],
    ['is down', () => down()],
  ];

  it.each(casesOf(toxics, [0, 2]))('[R12] continues after a time in which the network %s', async (_, toxicOf) => {
    services();
    await untilFetched(100);
    expect(fetched(), 'nothing is left to be done under load').toBeLessThan(movies);
    const toxic = toxicOf();
    await proxy.during(toxic, () => delay(seconds * 1_000));
    const healedAt = performance.now();
    await untilFetched(1);
    const idleMs = Math.round(performance.now() - healedAt);
    process.stdout.write(`${toxic.name}: ${toxic.injections} injections, at work again after ${idleMs} ms\n`);
  });

  it('[R10 R22] waits for a broker that has ended, is not ready meanwhile, and follows it to another address', async () => {
    expect(fetched(), 'nothing is left to be done under load').toBeLessThan(movies);
    services();
    await untilFetched(1);
    await bed.broker.stop();
    await proxy.stopListening();
    for (const { name, service } of services()) {
      await until(`${name} is not ready`, async () => (await service.get('/readyz')).status === 503, {
        timeoutMs: 30_000,
      });
    }
    const kafkaDir = join(bed.workspace.dataDir, 'kafka');
    const moved = resources.use(await FleetBroker.start(kafkaDir, { properties: advertisedAs(second) }));
    second.pointTo(moved.address);
    movedTo = second.address;
    const backAt = performance.now();
    await untilFetched(1);
    for (const { name, service } of services()) {
      await until(`${name} is ready`, async () => (await service.get('/readyz')).status === 200, { timeoutMs: 60_000 });
    }
    process.stdout.write(`at work at the other address after ${Math.round(performance.now() - backAt)} ms\n`);
  });

  it('[P6 R12 Z1] loads everything into BRONZE exactly once, despite all network faults under load', async () => {
    const found = await allLoaded(services(), movedTo);
    const deaths = services().flatMap((supervised) => supervised.deaths);
    process.stdout.write(
      `${found.bronzeRows} rows, ${fetched() - movies} movies fetched again, services restarted ${deaths.length} times\n`,
    );
    expect(found.ids).toBe(movies);
  });
});

describe('a service whose Kafka is behind a bad network', () => {
  afterEach(() => resources.disposeAsync());

  it('[R12] stays a member while a flush waits for longer than its session, over a slow network', {
    tags: ['full'],
  }, async () => {
    await open(200, 200, { env: { KAFKA_SESSION_TIMEOUT: '2s' } });
    const loader = new SupervisedService(bed.fleet, 'loader', ['load']);
    const rebalances = () => loader.service.metric('tmdb_rebalances_total');
    await until('it is a member', async () => (await rebalances()) === 1, { timeoutMs: 60_000 });
    const holder = await holdOpen(bed.workspace.duckdbPath);
    await bed.run('fetch', '--once');
    await proxy.during(latency(200, 100), async () => {
      await delay(6_000);
      expect(await rows(loader)).toBe(0);
      holder.closeSync();
      await until('it loads', async () => (await rows(loader)) === 200, { timeoutMs: 30_000 });
    });
    expect(await rebalances()).toBe(1);
    await allLoaded([loader]);
    expect(loader.deaths).toEqual([]);
  });

  it.runIf(isLongForm)('continues when all connections hang forever and new ones work', async () => {
    await open(2_000, 20);
    const [fetcher, loader] = [
      new SupervisedService(bed.fleet, 'fetcher', ['fetch']),
      new SupervisedService(bed.fleet, 'loader', ['load']),
    ];
    await untilFetched(100);
    await until('it loads', async () => (await rows(loader)) > 50, { timeoutMs: 60_000 });
    const [hangingSince, before] = [performance.now(), await rows(loader)];
    const hanging = blackHole(({ openedAt }) => openedAt < hangingSince);
    await proxy.during(hanging, async () => {
      // A request times out after half a minute. A service with several connections waits for one or two timeouts.
      await untilFetched(300, 150_000);
      await until('it loads', async () => (await rows(loader)) > before + 200, { timeoutMs: 60_000 });
    });
    const hungMs = performance.now() - hangingSince;
    const restarts = [fetcher, loader].map(({ deaths }) => deaths.length);
    process.stdout.write(`at work again after ${Math.round(hungMs / 1_000)} s, restarts ${restarts.join(' and ')}\n`);
    await allLoaded([fetcher, loader]);
  });
});

describe('a client of Kafka', () => {
  let dataDir: string;
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'tmdb-stream-network-'));
  });
  afterEach(() => rmSync(dataDir, { recursive: true }));

  it('gives up a connection on which no response arrives, and repeats the request on a new one', {
    tags: ['full'],
  }, async () => {
    await using through = await FaultProxy.start();
    await using broker = await FleetBroker.start(dataDir, { properties: advertisedAs(through) });
    through.pointTo(broker.address);
    const connection = { brokers: [through.address], ssl: false, sasl: undefined, requestTimeoutMs: 500 };
    const kafka = createKafka({ ...connection, clientId: 'test', topics, log: silent });
    await using admin = createAdmin(kafka);
    const clusterId = await admin.clusterId();
    const hangingSince = performance.now();
    await through.during(
      blackHole(({ openedAt }) => openedAt < hangingSince),
      async () => {
        expect(await admin.clusterId()).toBe(clusterId);
      },
    );
  });
});
