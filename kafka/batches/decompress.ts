import { promisify } from 'node:util';
import { gunzip, zstdDecompress } from 'node:zlib';
import type { Breather } from './breather.ts';
import { UnreadableBatchError } from './errors.ts';
import { decompressLz4 } from './lz4.ts';
import { decompressSnappy } from './snappy.ts';

type Decompress = (bytes: Buffer, limit: number, breather: Breather) => Promise<Buffer>;

/** Node's decompressors stop at `maxOutputLength` and run in a separate thread. */
const bounded =
  (name: string, decompress: (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>): Decompress =>
  async (bytes, limit) => {
    try {
      return await decompress(bytes, { maxOutputLength: limit }); // mutant: batches.decompressed-limit
    } catch (cause) {
      const isTooLarge = cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE';
      const why = isTooLarge ? `more than ${limit} bytes when decompressed` : `the bytes are not what ${name} writes`;
      throw new UnreadableBatchError(why, { cause });
    }
  };

/** Keyed by the codec number in a batch's attributes. */
const codecs: Readonly<Record<number, Decompress>> = {
  1: bounded('gzip', promisify(gunzip)),
  2: decompressSnappy,
  3: decompressLz4,
  4: bounded('zstd', promisify(zstdDecompress)),
};

/**
 * @param codec as in the batch's attributes, 1 to 7. @param limit in bytes.
 * @throws UnreadableBatchError if the codec is unknown, the bytes are not in its format, or they exceed `limit` when
 * decompressed. Bytes beyond the limit are never held in memory.
 */
export async function decompress(codec: number, bytes: Buffer, limit: number, breather: Breather): Promise<Buffer> {
  const known = codecs[codec];
  if (!known) throw new UnreadableBatchError(`compression codec ${codec} is unknown`);
  return known(bytes, limit, breather);
}
