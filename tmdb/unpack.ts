import { promisify } from 'node:util';
import { gunzip, inflate, zstdDecompress } from 'node:zlib';
import { UnusableAnswerError } from './errors.ts';

/** The largest number of nested compressions: TMDb's own, one of a proxy, and one in reserve. */
const maxLayers = 3;

type Unpack = (packed: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>;

const codings: readonly {
  readonly name: string;
  readonly begins: (body: Buffer) => boolean;
  readonly unpack: Unpack;
}[] = [
  { name: 'gzip', begins: (body) => body.length > 1 && body.readUInt16BE() === 0x1f8b, unpack: promisify(gunzip) },
  { name: 'zlib', begins: beginsLikeZlib, unpack: promisify(inflate) },
  {
    name: 'zstd',
    begins: (body) => body.length > 3 && body.readUInt32BE() === 0x28b52ffd,
    unpack: promisify(zstdDecompress),
  },
];

/**
 * Undoes a compression that the server did not declare, recognized by its first bytes. No JSON text begins with any of
 * them, so a document is never changed. Brotli and raw deflate have no such mark, so we do not request them.
 * @param maxBytes the largest result, also of every intermediate step.
 * @throws UnusableAnswerError: `body_too_large`, final, beyond `maxBytes` or the third layer; retriable if the
 * compressed bytes are incomplete or broken.
 */
export async function unpackUndeclared(body: Buffer, maxBytes: number): Promise<Buffer> {
  let unpacked = body;
  for (let layers = 0; ; layers += 1) {
    const coding = codings.find(({ begins }) => begins(unpacked));
    if (!coding) return unpacked;
    if (layers === maxLayers) {
      throw new UnusableAnswerError('body_too_large', `more than ${maxLayers} nested compressions`, false);
    }
    // mutant: fetcher.unpack-limit
    unpacked = await coding.unpack(unpacked, { maxOutputLength: maxBytes }).catch((error) => {
      if (error.code === 'ERR_BUFFER_TOO_LARGE') {
        throw new UnusableAnswerError('body_too_large', `the body is larger than ${maxBytes} bytes`, false);
      }
      throw new UnusableAnswerError('attempts_exhausted', `the ${coding.name} body is torn (${error.code})`, true);
    });
  }
}

/** RFC 1950: deflate with a window of at most 32 kB, and a header that 31 divides. */
function beginsLikeZlib(body: Buffer): boolean {
  const [method = 0] = body;
  return body.length > 1 && (method & 0x0f) === 8 && method >> 4 <= 7 && body.readUInt16BE() % 31 === 0;
}
