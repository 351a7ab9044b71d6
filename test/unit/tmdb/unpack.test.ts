import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unpackUndeclared } from '../../../tmdb/unpack.ts';

const cap = 100_000;
const text = Buffer.from(JSON.stringify({ id: 5, title: '天气之子', overview: 'x'.repeat(2_000) }));

const codings = [
  ['gzip', gzipSync],
  ['zlib', deflateSync],
  ['zlib, fast', (body: Buffer) => deflateSync(body, { level: 1 })],
  ['zlib, small', (body: Buffer) => deflateSync(body, { level: 9 })],
  ['zstd', zstdCompressSync],
] as const;

describe.each(codings)('a body with undeclared %s', (_, pack) => {
  it('[R68] is unpacked, for any content', async () => {
    await fc.assert(
      fc.asyncProperty(fc.json(), async (json) => {
        const body = Buffer.from(json);
        expect((await unpackUndeclared(pack(body), cap)).equals(body)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('is unpacked from three layers, and refused beyond them', async () => {
    const three = pack(gzipSync(pack(text)));
    expect((await unpackUndeclared(three, cap)).equals(text)).toBe(true);
    await expect(unpackUndeclared(gzipSync(three), cap)).rejects.toMatchObject({
      reason: 'body_too_large',
      retriable: false,
    });
  });

  it('[R68] is retriable when it is cut at any byte', async () => {
    const whole = pack(text);
    for (let length = 4; length < whole.length; length += 1) {
      const torn = await unpackUndeclared(whole.subarray(0, length), cap).catch((error) => error);
      expect(torn, `${length} bytes`).toMatchObject({ reason: 'attempts_exhausted', retriable: true });
    }
  });

  it('[R68] is refused permanently when it unpacks to more than the cap', async () => {
    expect(await unpackUndeclared(pack(Buffer.alloc(cap)), cap)).toHaveLength(cap);
    for (const size of [cap + 1, 100 * cap]) {
      await expect(unpackUndeclared(pack(Buffer.alloc(size)), cap)).rejects.toMatchObject({
        reason: 'body_too_large',
        retriable: false,
      });
    }
  });
});

describe('a body that is not compressed', () => {
  it('is left unchanged, both JSON and HTML', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.json(), fc.constantFrom('', ' ', '<html>', '\ufeff{}', '\n{"id":1}')),
        async (body) => {
          const bytes = Buffer.from(body);
          expect(await unpackUndeclared(bytes, cap)).toBe(bytes);
        },
      ),
    );
  });

  it('or compressed without a recognizable signature is left for the parser to refuse', async () => {
    const brotli = brotliCompressSync(text);
    expect(await unpackUndeclared(brotli, cap)).toBe(brotli);
  });
});
