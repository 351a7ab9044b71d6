import { afterAll, beforeAll, expect, it } from 'vitest';
import { openStatus } from '../../pipeline/status.ts';
import { loadConfig } from '../../platform/config.ts';
import { OwnKafka, type Stage } from '../support/kafka/own-kafka.ts';
import { FaultProxy } from '../support/network/fault-proxy.ts';

let kafka: OwnKafka;
let stage: Stage;

beforeAll(async () => {
  kafka = await OwnKafka.start();
  stage = await kafka.begin();
});
afterAll(async () => {
  await stage[Symbol.asyncDispose]();
  await kafka[Symbol.asyncDispose]();
});

it('[R23] shows the topics as soon as Kafka is back, if Kafka was down at the first read', async () => {
  await using proxy = await FaultProxy.start();
  const { config } = stage.context;
  const env = { DATA_DIR: config.dataDir, KAFKA_BROKERS: proxy.address };
  await using status = openStatus({ ...stage.context, config: loadConfig(env) });
  expect(await status.read()).toMatchObject({
    topics: null,
    errors: [{ part: 'topics', message: expect.stringContaining('Kafka') }],
  });
  proxy.pointTo(config.kafka.brokers?.[0] ?? '');
  const { topics, errors } = await status.read();
  expect(errors).toEqual([]);
  expect(topics?.map(({ topic }) => topic)).toContain(config.kafka.topics.movieIds.name);
});
