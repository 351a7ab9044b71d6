import { openTestBed, type TestBed, type TestBedOptions } from '../processes/test-bed.ts';
import { FaultProxy } from './fault-proxy.ts';

interface BehindProxyOptions extends TestBedOptions {
  /** Additional addresses of Kafka for the services. */
  readonly alsoKnown?: readonly string[];
}

/** A test bed whose broker is reached only through a proxy: the broker advertises the proxy's address. */
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

/** Makes a broker advertise the proxy's address. */
export const advertisedAs = (proxy: FaultProxy): Readonly<Record<string, string>> => ({
  'advertised.listeners': `PLAINTEXT://${proxy.address}`,
});
