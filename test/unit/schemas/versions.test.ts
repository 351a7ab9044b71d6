import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { schemaVersions } from '../../../schemas/avro-codec.ts';
import {
  deadLetterCodec,
  movieIdCodec,
  producerStateCodec,
  rawGenresCodec,
  rawMovieCodec,
} from '../../../schemas/codecs.ts';

const at = new Date(Date.UTC(2026, 0, 1));
const codecs = {
  'movie-id': movieIdCodec,
  'raw-movie': rawMovieCodec,
  'raw-genres': rawGenresCodec,
  'producer-state': producerStateCodec,
  'dead-letter': deadLetterCodec,
};

/**
 * Bytes that each version wrote, and their present value. Never change an entry, because topics contain such records. Add an
 * entry for each new schema file.
 */
const golden: Record<string, { codec: keyof typeof codecs; bytes: string; value: object }> = {
  'movie-id.v1': {
    codec: 'movie-id',
    bytes: 'c3010425998c13a3056db6090202060080a0d5edee66',
    value: { movieId: 603, reason: 'changed', page: 3, rank: null, requestedAt: at },
  },
  'movie-id.v2': {
    codec: 'movie-id',
    bytes: 'c301602a8f85f7b18603b60908000080a0d5edee66',
    value: { movieId: 603, reason: 'aged', page: null, rank: null, requestedAt: at },
  },
  'raw-movie.v1': {
    codec: 'raw-movie',
    bytes: 'c301cfce401569a999a7b6092668747470733a2f2f782f6d6f7669652f363033a80680a0d5edee66147b226964223a3630337d',
    value: {
      movieId: 603,
      sourceUrl: 'https://x/movie/603',
      httpStatus: 404,
      fetchedAt: at,
      body: Buffer.from('{"id":603}'),
    },
  },
  'raw-genres.v1': {
    codec: 'raw-genres',
    bytes: 'c301ab1c6a936724133104656e1e68747470733a2f2f782f67656e726580a0d5edee66047b7d',
    value: { language: 'en', sourceUrl: 'https://x/genre', fetchedAt: at, body: Buffer.from('{}') },
  },
  'producer-state.v1': {
    codec: 'producer-state',
    bytes: 'c301592f0f21d89404720c6578706f727414323032362d30312d3031a01f0080a0d5edee66',
    value: { producer: 'export', day: '2026-01-01', lines: 2_000, isComplete: false, updatedAt: at, movieIds: null },
  },
  'producer-state.v2': {
    codec: 'producer-state',
    bytes: 'c301eafadf005ec4e1af0c6578706f727414323032362d30312d3031a01f0180a0d5edee6602040102',
    value: {
      ...{ producer: 'export', day: '2026-01-01', lines: 2_000, isComplete: true, updatedAt: at },
      movieIds: Buffer.from([1, 2]),
    },
  },
  'dead-letter.v1': {
    codec: 'dead-letter',
    bytes:
      'c30103ee1c8f28212cfd1c746d64622e6d6f7669652d696473068280808080808080800180a0d5edee660206363033000e2461736b6564203630332c20676f7420363034040280a0d5edee66',
    value: {
      originTopic: 'tmdb.movie-ids',
      originPartition: 3,
      originOffset: 4_611_686_018_427_387_905n,
      originTimestamp: at,
      originKey: Buffer.from('603'),
      originValue: null,
      reason: 'wrong_movie',
      message: 'asked 603, got 604',
      attempts: 2,
      replays: 1,
      failedAt: at,
      ...{ originValueBytes: null, originValueSha256: null, originLastOffsetDelta: null },
    },
  },
  'dead-letter.v2': {
    codec: 'dead-letter',
    bytes:
      'c301a8773137281801c41e746d64622e7261772d6d6f76696573068280808080808080800180a0d5edee6602063630330204616212046e6f020080a0d5edee660280b4891302046364020e',
    value: {
      originTopic: 'tmdb.raw-movies',
      originPartition: 3,
      originOffset: 4_611_686_018_427_387_905n,
      originTimestamp: at,
      originKey: Buffer.from('603'),
      originValue: Buffer.from('ab'),
      reason: 'unreadable_batch',
      message: 'no',
      attempts: 1,
      replays: 0,
      failedAt: at,
      originValueBytes: 20_000_000,
      originValueSha256: Buffer.from('cd'),
      originLastOffsetDelta: 7,
    },
  },
};

describe('every schema version on file', () => {
  it('has its golden bytes here', () => {
    const files = readdirSync(join(import.meta.dirname, '../../../schemas/avro')).map((file) => file.slice(0, -5));
    expect(Object.keys(golden).toSorted()).toEqual(files.toSorted());
  });

  it.each(Object.entries(golden))('%s is read by the current reader', (_, { codec, bytes, value }) => {
    expect(codecs[codec].decode(Buffer.from(bytes, 'hex'))).toEqual(value);
  });

  it.each(Object.entries(golden))('%s is written if it is the newest', (version, entry) => {
    if (version !== `${entry.codec}.v${schemaVersions(entry.codec).length}`) return;
    const encode = codecs[entry.codec].encode as (value: object) => Buffer;
    expect(encode(entry.value).toString('hex')).toBe(entry.bytes);
  });
});
