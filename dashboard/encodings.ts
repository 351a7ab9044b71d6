import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

const compressors = {
  br: (body: Buffer) => promisify(brotliCompress)(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }),
  gzip: (body: Buffer) => promisify(gzip)(body),
};

type Encoding = keyof typeof compressors;

/** Below this size a compressed body saves no packet. */
const worthwhileBytes = 1_000;

/** The best encoding that the client accepts for a body of this size; undefined: as it is. */
export function encodingFor(accepted: string | undefined, bytes: number): Encoding | undefined {
  if (bytes < worthwhileBytes || accepted === undefined) return undefined;
  const refused = /;\s*q=0(?:\.0*)?\s*$/;
  const names = accepted.split(',').flatMap((item) => (refused.test(item) ? [] : (item.split(';')[0]?.trim() ?? [])));
  return (['br', 'gzip'] as const).find((encoding) => names.includes(encoding));
}

export const compress = (body: Buffer, encoding: Encoding): Promise<Buffer> => compressors[encoding](body);
