import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { avroCodec } from '../../../schemas/avro-codec.ts';
import { type Codec, DecodeError } from '../../../schemas/codec.ts';
import { deadLetterCodec, movieIdCodec, rawGenresCodec, rawMovieCodec } from '../../../schemas/codecs.ts';
import { deadLetterReasons } from '../../../schemas/dead-letter-reasons.ts';
import type { DeadLetter, MovieId, RawMovie } from '../../../schemas/records.ts';

const date = fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z') });
const int = fc.integer();
const bytes = fc.uint8Array().map((array) => Buffer.from(array));

const movieId = fc.record<MovieId>({
  movieId: int,
  reason: fc.constantFrom('popular', 'changed', 'export', 'manual', 'aged'),
  page: fc.option(int),
  rank: fc.option(int),
  requestedAt: date,
});
const rawMovie = fc.record<RawMovie>({
  movieId: int,
  sourceUrl: fc.string({ unit: 'binary' }),
  httpStatus: int,
  fetchedAt: date,
  body: bytes,
});
const deadLetter = fc.record<DeadLetter>({
  originTopic: fc.string(),
  originPartition: int,
  originOffset: fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
  originTimestamp: date,
  originKey: fc.option(bytes),
  originValue: fc.option(bytes),
  reason: fc.constantFrom(...deadLetterReasons),
  message: fc.string({ unit: 'grapheme' }),
  attempts: int,
  replays: int,
  failedAt: date,
  originValueBytes: fc.option(fc.nat()),
  originValueSha256: fc.option(bytes),
  originLastOffsetDelta: fc.option(fc.nat()),
});

const roundTrips = <T>(codec: Codec<T>, values: fc.Arbitrary<T>) =>
  fc.assert(
    fc.property(values, (value) => {
      expect(codec.decode(codec.encode(value))).toEqual(value);
    }),
  );

const some: MovieId = { movieId: 603, reason: 'popular', page: 1, rank: 7, requestedAt: new Date(1_767_225_600_000) };

describe('the codecs', () => {
  it('decode the encoded value', () => {
    roundTrips(movieIdCodec, movieId);
    roundTrips(rawMovieCodec, rawMovie);
    roundTrips(deadLetterCodec, deadLetter);
    const genres = { language: 'en', sourceUrl: 'https://x/genre', fetchedAt: new Date(1), body: Buffer.from('{}') };
    expect(rawGenresCodec.decode(rawGenresCodec.encode(genres))).toEqual(genres);
  });

  it('keep offsets above 2^53 exact', () => {
    const [letter] = fc.sample(deadLetter, 1);
    const offset = (1n << 62n) + 1n;
    const bytes = deadLetterCodec.encode({ ...(letter as DeadLetter), originOffset: offset });
    expect(deadLetterCodec.decode(bytes).originOffset).toBe(offset);
  });

  it('return a body as a view of the input, without a copy', () => {
    const input = rawMovieCodec.encode({ ...(fc.sample(rawMovie, 1)[0] as RawMovie), body: Buffer.from('abc') });
    const { body } = rawMovieCodec.decode(input);
    expect(body.toString()).toBe('abc');
    expect(body.buffer).toBe(input.buffer);
  });

  it('refuse to write values that do not fit the schema', () => {
    expect(() => movieIdCodec.encode({ ...some, movieId: 2 ** 31 })).toThrow();
    expect(() => movieIdCodec.encode({ ...some, requestedAt: new Date(Number.NaN) })).toThrow();
    expect(() => movieIdCodec.encode({ ...some, requestedAt: new Date(8.64e15) })).toThrow();
  });
});

describe('decoding', () => {
  const good = movieIdCodec.encode(some);
  const edited = (edit: (bytes: Buffer) => void): Buffer => {
    const bytes = Buffer.from(good);
    edit(bytes);
    return bytes;
  };

  it.each([
    ['no bytes at all', Buffer.alloc(0)],
    ['a marker and nothing else', good.subarray(0, 2)],
    ['a cut fingerprint', good.subarray(0, 9)],
    ['a header without a body', good.subarray(0, 10)],
    ['a wrong marker', edited((bytes) => bytes.writeUInt8(0, 0))],
    ['an unknown fingerprint', edited((bytes) => bytes.writeUInt8((bytes[2] ?? 0) ^ 1, 2))],
    ['trailing bytes', Buffer.concat([good, Buffer.from([0])])],
    ['an enum symbol that does not exist', edited((bytes) => bytes.writeUInt8(0x20, 12))],
    ['JSON', Buffer.from('{"movieId":603}')],
  ])('refuses %s', (_, bytes) => {
    expect(() => movieIdCodec.decode(bytes)).toThrow(DecodeError);
  });

  it('[R20] refuses a record that is cut at any byte', () => {
    for (let length = 0; length < good.length; length += 1) {
      expect(() => movieIdCodec.decode(good.subarray(0, length))).toThrow(DecodeError);
    }
  });

  it('returns a value or throws a DecodeError, for any body', () => {
    const header = deadLetterCodec.encode(fc.sample(deadLetter, 1)[0] as DeadLetter).subarray(0, 10);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (body) => {
        try {
          deadLetterCodec.decode(Buffer.concat([header, body]));
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }),
    );
  });

  it('never mistakes one record for another', () => {
    const genres = rawGenresCodec.encode({ language: 'en', sourceUrl: '', fetchedAt: new Date(0), body: good });
    expect(() => rawMovieCodec.decode(genres)).toThrow('no schema with fingerprint');
  });
});

describe('a newer schema version', () => {
  const v1 = {
    type: 'record',
    name: 'Thing',
    fields: [
      { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
      { name: 'offset', type: { type: 'long', logicalType: 'kafka-offset' } },
      { name: 'body', type: 'bytes' },
    ],
  } as const;
  const v2 = { ...v1, fields: [...v1.fields, { name: 'note', type: ['null', 'string'], default: null }] } as const;

  it('reads records of the older version, and the older version reports that it cannot read newer records', () => {
    const thing = { at: new Date(5), offset: 1n << 60n, body: Buffer.from('x') };
    const older = avroCodec<typeof thing>([v1 as never]);
    const newer = avroCodec<typeof thing & { note: string | null }>([v1 as never, v2 as never]);
    expect(newer.decode(older.encode(thing))).toEqual({ ...thing, note: null });
    expect(newer.decode(newer.encode({ ...thing, note: 'hi' }))).toEqual({ ...thing, note: 'hi' });
    expect(() => older.decode(newer.encode({ ...thing, note: null }))).toThrow('newer version');
  });
});
