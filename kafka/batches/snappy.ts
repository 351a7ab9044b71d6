import { BoundedOutput } from './bounded-output.ts';
import type { Breather } from './breather.ts';
import { UnreadableBatchError } from './errors.ts';

/** Java's clients wrap Snappy's blocks in a stream of their own (xerial); others write one block as it is. */
const xerialMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const xerialHeaderBytes = xerialMagic.length + 4 + 4;

/** @throws UnreadableBatchError if the bytes are not Snappy, or exceed `limit` when decompressed. */
export async function decompressSnappy(bytes: Buffer, limit: number, breather: Breather): Promise<Buffer> {
  const output = new BoundedOutput(limit, 4 * bytes.length);
  if (!bytes.subarray(0, xerialMagic.length).equals(xerialMagic)) {
    decompressBlock(bytes, output);
    return output.bytes;
  }
  let at = xerialHeaderBytes;
  while (at < bytes.length) {
    const length = at + 4 > bytes.length ? -1 : bytes.readInt32BE(at);
    at += 4;
    if (length < 0 || at + length > bytes.length) throw new UnreadableBatchError('a Snappy block ends early');
    decompressBlock(bytes.subarray(at, at + length), output);
    at += length;
    await breather.breathe();
  }
  return output.bytes;
}

/** https://github.com/google/snappy/blob/main/format_description.txt */
function decompressBlock(block: Buffer, output: BoundedOutput): void {
  // References may reach back to the beginning of their block, and the block may not exceed its announced length.
  const begin = output.length;
  let [announced, at] = announcedLength(block);
  while (at < block.length) {
    const tag = block.readUInt8(at);
    at += 1;
    const extra = extraBytes(tag);
    if (at + extra > block.length) throw new UnreadableBatchError('a Snappy block ends within an element');
    const more = extra === 0 ? 0 : block.readUIntLE(at, extra);
    at += extra;
    if ((tag & 3) === 0) {
      const length = (extra === 0 ? tag >> 2 : more) + 1;
      output.append(block, at, length);
      at += length;
    } else if ((tag & 3) === 1) {
      output.repeat(((tag >> 5) << 8) | more, ((tag >> 2) & 7) + 4);
    } else {
      output.repeat(more, (tag >> 2) + 1);
    }
  }
  if (output.length - begin !== announced)
    throw new UnreadableBatchError('a Snappy block does not have the announced length');
}

/** How many bytes of length or distance follow the tag. */
function extraBytes(tag: number): number {
  const kind = tag & 3;
  if (kind === 0) return Math.max(0, (tag >> 2) - 59);
  return kind === 3 ? 4 : kind;
}

function announcedLength(block: Buffer): [length: number, at: number] {
  let length = 0;
  for (let at = 0; at < 5; at += 1) {
    const byte = block[at];
    if (byte === undefined) break;
    length += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) return [length, at + 1];
  }
  throw new UnreadableBatchError('the bytes are not a Snappy block');
}
