import { BoundedOutput } from './bounded-output.ts';
import type { Breather } from './breather.ts';
import { UnreadableBatchError } from './errors.ts';

/** LZ4's frame format, as Kafka's clients and brokers write it: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md */
const magic = 0x184d2204;
const flag = { blockChecksum: 0x10, contentSize: 0x08, contentChecksum: 0x04, dictionary: 0x01 } as const;
/** Marks a block whose bytes are not compressed. */
const storedBit = 0x80000000;
const minMatch = 4;

/**
 * Decompresses one frame. Does not verify its checksums, because Kafka's batch has its own.
 * @throws UnreadableBatchError if the bytes are not an LZ4 frame, or exceed `limit` when decompressed.
 */
export async function decompressLz4(frame: Buffer, limit: number, breather: Breather): Promise<Buffer> {
  if (frame.length < 7 || frame.readUInt32LE() !== magic)
    throw new UnreadableBatchError('the bytes are not an LZ4 frame');
  const flags = frame.readUInt8(4);
  if (flags >> 6 !== 1) throw new UnreadableBatchError('the LZ4 frame has an unknown version');
  if (flags & flag.dictionary) throw new UnreadableBatchError('the LZ4 frame needs a dictionary');
  const output = new BoundedOutput(limit, 4 * frame.length);
  let at = 7 + (flags & flag.contentSize ? 8 : 0);
  for (;;) {
    if (at + 4 > frame.length) throw new UnreadableBatchError('the LZ4 frame ends early');
    const size = frame.readUInt32LE(at);
    at += 4;
    if (size === 0) return output.bytes;
    const length = size % storedBit;
    if (at + length > frame.length) throw new UnreadableBatchError('an LZ4 block ends early');
    if (size >= storedBit) output.append(frame, at, length);
    else decompressBlock(frame.subarray(at, at + length), output);
    at += length + (flags & flag.blockChecksum ? 4 : 0);
    await breather.breathe();
  }
}

/** https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md: sequences of literals, each followed by a back reference. */
function decompressBlock(block: Buffer, output: BoundedOutput): void {
  const position = { at: 0 };
  while (position.at < block.length) {
    const token = block.readUInt8(position.at);
    position.at += 1;
    const literals = lengthOf(token >> 4, block, position);
    output.append(block, position.at, literals);
    position.at += literals;
    // The last sequence has no reference.
    if (position.at === block.length) return;
    if (position.at + 2 > block.length) throw new UnreadableBatchError('an LZ4 block ends within a reference');
    const distance = block.readUInt16LE(position.at);
    position.at += 2;
    output.repeat(distance, minMatch + lengthOf(token & 0x0f, block, position));
  }
}

/** A length of 15 is continued in the bytes that follow, up to the first that is not 255. */
function lengthOf(nibble: number, block: Buffer, position: { at: number }): number {
  let length = nibble;
  if (nibble < 15) return length;
  for (;;) {
    const byte = block[position.at];
    if (byte === undefined) throw new UnreadableBatchError('an LZ4 block ends within a length');
    position.at += 1;
    length += byte;
    if (byte < 255) return length;
  }
}
