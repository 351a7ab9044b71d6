import { expect, it } from 'vitest';
import { crc64Avro } from '../../../schemas/fingerprint.ts';

/** From Avro's own test data (share/test/data/schema-tests.txt): canonical form and fingerprint, signed. */
const vectors: [string, bigint][] = [
  ['"null"', 7195948357588979594n],
  ['"boolean"', -6970731678124411036n],
  ['"int"', 8247732601305521295n],
  ['"long"', -3434872931120570953n],
  ['"float"', 5583340709985441680n],
  ['"double"', -8181574048448539266n],
  ['"bytes"', 5746618253357095269n],
  ['"string"', -8142146995180207161n],
  ['["int","boolean"]', 5392556393470105090n],
  ['{"name":"foo","type":"record","fields":[]}', -4824392279771201922n],
  ['{"name":"x.y.foo","type":"record","fields":[]}', 5916914534497305771n],
  ['{"name":"foo","type":"record","fields":[{"name":"f1","type":"boolean"}]}', 7843277075252814651n],
  ['{"name":"foo","type":"enum","symbols":["A1"]}', -6342190197741309591n],
];

it.each(vectors)('gives %s the fingerprint that Avro publishes', (canonicalForm, fingerprint) => {
  expect(BigInt.asIntN(64, crc64Avro(canonicalForm))).toBe(fingerprint);
});
