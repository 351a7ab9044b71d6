import { openTestBed, type TestBed, type TestBedOptions } from '../processes/test-bed.ts';
import { FaultProxy } from './fault-proxy.ts';

interface BehindProxyOptions extends TestBedOptions {
  /** More addresses that services have of Kafka. */
  readonly alsoKnown?: readonly string[];
}

/** A test bed whose broker is reached through a proxy alone: every client is told the proxy's address. */
export async function openBehindProxy({
  alsoKnown = [],
  ...options
}: BehindProxyOptions): Promise<{ readonly bed: TestBed; readonly proxy: FaultProxy }> {
  const proxy = await FaultProxy.start();
  const kafka = { ...advertisedAs(proxy), ...options.kafka };
  const brokers = [proxy.address, ...alsoKnown].join();
  const bed = await openTestBed({
    ...options,
    kafka,
    env: { KAFKA_BROKERS: brokers, KAFKA_SESSION_TIMEOUT: '6s', ...options.env },
  });
  proxy.pointTo(bed.broker.address);
  return { bed, proxy };
}

/** Has a broker tell its clients to come through the proxy. */
export const advertisedAs = (proxy: FaultProxy): Readonly<Record<string, string>> => ({
  'advertised.listeners': `PLAINTEXT://${proxy.address}`,
});
