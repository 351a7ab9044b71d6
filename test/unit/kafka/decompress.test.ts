import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Breather } from '../../../kafka/batches/breather.ts';
import { decompress } from '../../../kafka/batches/decompress.ts';
import { UnreadableBatchError } from '../../../kafka/batches/errors.ts';
import { codecs } from '../../support/kafka/raw-batches.ts';

/** The elements of both formats: literal bytes, and references to earlier bytes. */
interface Step {
  readonly literals: Buffer;
  /** The distance as a share of the output so far, and the number of bytes. */
  readonly back: number;
  readonly length: number;
}

const steps = fc.array(
  fc.record<Step>({
    literals: fc.uint8Array({ minLength: 1, maxLength: 400 }).map((array) => Buffer.from(array)),
    back: fc.double({ min: 0, max: 1, noNaN: true }),
    length: fc.integer({ min: 4, max: 64 }),
  }),
  { minLength: 1, maxLength: 12 },
);

/** The plain bytes, byte by byte, and the distance of each reference. */
function expand(script: readonly Step[]): { readonly plain: Buffer; readonly distances: readonly number[] } {
  const plain: number[] = [];
  const distances = script.map(({ literals, back, length }) => {
    plain.push(...literals);
    const distance = Math.max(1, Math.ceil(back * plain.length));
    for (let index = 0; index < length; index += 1) plain.push(plain[plain.length - distance] ?? 0);
    return distance;
  });
  return { plain: Buffer.from(plain), distances };
}

const int16 = (value: number) => Buffer.from([value & 0xff, value >> 8]);
const int32 = (value: number) => Buffer.from([value, value >> 8, value >> 16, value >> 24].map((byte) => byte & 0xff));

/** The nibble of a length in LZ4 and the bytes that continue it. */
function lz4Length(length: number): { readonly nibble: number; readonly rest: Buffer } {
  if (length < 15) return { nibble: length, rest: Buffer.alloc(0) };
  const over = length - 15;
  return { nibble: 15, rest: Buffer.from([...Array(Math.floor(over / 255)).fill(255), over % 255]) };
}

function lz4Block(script: readonly Step[], distances: readonly number[]): Buffer {
  const sequences = script.flatMap(({ literals, length }, index) => {
    const [run, match] = [lz4Length(literals.length), lz4Length(length - 4)];
    const token = Buffer.from([(run.nibble << 4) | match.nibble]);
    return [token, run.rest, literals, int16(distances[index] ?? 1), match.rest];
  });
  // The last sequence has only literals.
  return Buffer.concat([...sequences, Buffer.from([0])]);
}

const lz4Frame = (blocks: readonly { readonly bytes: Buffer; readonly isStored: boolean }[]): Buffer =>
  Buffer.concat([
    ...[int32(0x184d2204), Buffer.from([0x60, 0x70, 0x00])],
    ...blocks.flatMap(({ bytes, isStored }) => [int32(bytes.length | (isStored ? 0x80000000 : 0)), bytes]),
    int32(0),
  ]);

function snappyBlock(script: readonly Step[], distances: readonly number[], length: number): Buffer {
  const announced: number[] = [];
  for (let left = length; ; left >>>= 7) {
    announced.push(left < 0x80 ? left : (left & 0x7f) | 0x80);
    if (left < 0x80) break;
  }
  const elements = script.flatMap(({ literals, length: copied }, index) => {
    const size = literals.length - 1;
    const literal = size < 60 ? [Buffer.from([size << 2])] : [Buffer.from([61 << 2]), int16(size)];
    const distance = distances[index] ?? 1;
    const isShort = copied <= 11 && distance < 2_048;
    const tag = isShort ? ((distance >> 8) << 5) | ((copied - 4) << 2) | 1 : ((copied - 1) << 2) | 2;
    return [...literal, literals, Buffer.from([tag]), isShort ? Buffer.from([distance & 0xff]) : int16(distance)];
  });
  return Buffer.concat([Buffer.from(announced), ...elements]);
}

const xerial = (blocks: readonly Buffer[]): Buffer =>
  Buffer.concat([
    ...[Buffer.from([0x82]), Buffer.from('SNAPPY\0'), Buffer.from([0, 0, 0, 1, 0, 0, 0, 1])],
    ...blocks.flatMap((block) => [int32(block.length).reverse(), block]),
  ]);

const limit = 1_000_000;
const inflate = (codec: number, bytes: Buffer, max = limit) => decompress(codec, bytes, max, new Breather());

describe('decompression', () => {
  it('of LZ4 restores any literals and references, in compressed and stored blocks', () =>
    fc.assert(
      fc.asyncProperty(steps, fc.boolean(), async (script, isStored) => {
        const { plain, distances } = expand(script);
        const first = { bytes: lz4Block(script, distances), isStored: false };
        const frame = lz4Frame(isStored ? [first, { bytes: plain, isStored: true }] : [first]);
        expect(await inflate(codecs.lz4, frame)).toEqual(isStored ? Buffer.concat([plain, plain]) : plain);
      }),
    ));

  it('of Snappy restores any literals and references, as Java writes them and as one block', () =>
    fc.assert(
      fc.asyncProperty(steps, async (script) => {
        const { plain, distances } = expand(script);
        const block = snappyBlock(script, distances, plain.length);
        expect(await inflate(codecs.snappy, block)).toEqual(plain);
        expect(await inflate(codecs.snappy, xerial([block, block]))).toEqual(Buffer.concat([plain, plain]));
      }),
    ));

  it.each([codecs.snappy, codecs.lz4, codecs.gzip, codecs.zstd])(
    '[R73] with codec %i of any bytes returns bytes or reports them as unreadable, within the limit',
    (codec) =>
      fc.assert(
        fc.asyncProperty(
          steps,
          fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 9 }),
          async (script, changes) => {
            const { plain, distances } = expand(script);
            const lz4 = lz4Frame([{ bytes: lz4Block(script, distances), isStored: false }]);
            const bytes = codec === codecs.lz4 ? lz4 : xerial([snappyBlock(script, distances, plain.length)]);
            for (const [at, value] of changes) bytes.writeUInt8(value, at % bytes.length);
            const max = 2_000;
            const result = await inflate(codec, bytes, max).catch((error: unknown) => error);
            if (result instanceof Buffer) expect(result.length).toBeLessThanOrEqual(max);
            else expect(result).toBeInstanceOf(UnreadableBatchError);
          },
        ),
      ),
  );

  it('stops at the limit, however much a reference repeats', async () => {
    const length = lz4Length(600_000_000);
    const bomb = Buffer.concat([Buffer.from([0x1f, 0x00]), int16(1), length.rest, Buffer.from([0])]);
    await expect(inflate(codecs.lz4, lz4Frame([{ bytes: bomb, isStored: false }]))).rejects.toThrow(
      'more than 1000000',
    );
    const copies = Buffer.concat(Array.from({ length: 20_000 }, () => Buffer.from([(63 << 2) | 2, 1, 0])));
    const block = Buffer.concat([Buffer.from([0x80, 0x80, 0x80, 0x20, 0x00, 0x61]), copies]);
    await expect(inflate(codecs.snappy, block)).rejects.toThrow('more than 1000000');
  });

  it.each([
    ['an unknown dictionary', [0x61, 0x70, 0x00]],
    ['an unknown version', [0x20, 0x70, 0x00]],
  ])('of an LZ4 frame with %s is refused', async (_, descriptor) => {
    const frame = Buffer.concat([int32(0x184d2204), Buffer.from(descriptor), int32(0)]);
    await expect(inflate(codecs.lz4, frame)).rejects.toThrow(UnreadableBatchError);
  });
});
