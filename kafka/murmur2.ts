const m = 0x5bd1e995;
const seed = 0x9747b28c;

/**
 * Kafka's hash of a key, which decides its partition: the same 32 bits as Java's clients and kafkajs compute. kafkajs keeps all
 * bits of each product, so its time grows with the square of the key's length; here it grows with the length.
 */
export function murmur2(key: Buffer): number {
  let hash = seed ^ key.length;
  const tail = key.length & ~3;
  for (let at = 0; at < tail; at += 4) {
    let word = Math.imul(key.readInt32LE(at), m);
    word = Math.imul(word ^ (word >>> 24), m);
    hash = Math.imul(hash, m) ^ word;
  }
  if (tail < key.length) hash = Math.imul(hash ^ key.readUIntLE(tail, key.length - tail), m);
  hash = Math.imul(hash ^ (hash >>> 13), m);
  return hash ^ (hash >>> 15);
}
