import { createRequire } from 'node:module';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { murmur2 } from '../../../kafka/murmur2.ts';

const load = createRequire(import.meta.url);
const kafkajsMurmur2 = load('kafkajs/src/producer/partitioners/default/murmur2') as (key: Buffer) => number;

it('hashes every key as kafkajs does, so that a movie keeps its partition', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const key = Buffer.from(bytes);
      expect(murmur2(key)).toBe(kafkajsMurmur2(key));
    }),
    { numRuns: 500 },
  );
});

it('quickly hashes a key of a megabyte, for which kafkajs takes minutes', () => {
  expect(murmur2(Buffer.alloc(1_000_000, 0x5a))).toBe(1_793_159_062);
});
