import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import { knownKafkajs } from '../../../kafka/kafkajs-internals.ts';

const load = createRequire(import.meta.url);

it('is written for the installed version of kafkajs', () => {
  const { version } = load('kafkajs/package.json') as { readonly version: string };
  expect(version).toBe(knownKafkajs.version);
  const { versions } = load('kafkajs/src/protocol/requests/fetch') as { readonly versions: readonly string[] };
  expect(Math.max(...versions.map(Number))).toBe(knownKafkajs.fetchVersion);
});
