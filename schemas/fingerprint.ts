/** CRC-64-AVRO: the Rabin fingerprint of the Avro specification ("Schema Fingerprints"). */
const empty = 0xc15d213aa4d7a795n;

const table = Array.from({ length: 256 }, (_, byte) => {
  let fingerprint = BigInt(byte);
  for (let bit = 0; bit < 8; bit += 1) fingerprint = (fingerprint >> 1n) ^ (fingerprint & 1n ? empty : 0n);
  return fingerprint;
});

/** @param canonicalForm a schema in Parsing Canonical Form. @returns 64 bits, unsigned. */
export function crc64Avro(canonicalForm: string): bigint {
  let fingerprint = empty;
  for (const byte of Buffer.from(canonicalForm)) {
    fingerprint = (fingerprint >> 8n) ^ (table[Number((fingerprint ^ BigInt(byte)) & 0xffn)] ?? 0n);
  }
  return fingerprint;
}
