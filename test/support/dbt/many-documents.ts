import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { GeneratedCatalogue } from '../../../sandbox/catalogue-generated.ts';
import { isStrictJson } from '../../../warehouse/document.ts';
import { recordings } from '../tmdb/recordings.ts';
import { bodies } from './documents.ts';
import type { MovieRecord } from './warehouse-file.ts';

const snapshot = join(recordings, 'snapshots', '2025-12-15a.ndjson.gz');

/** A test's change of a document. */
export interface Movie {
  readonly id: number;
  readonly [key: string]: unknown;
}

/** A thousand documents, with the odd ones of all recorded ones, if recordings exist; otherwise as many generated ones. */
export function manyDocuments(): Movie[] {
  const texts = existsSync(snapshot) ? recorded() : generated();
  // If a movie was recorded twice, the later one.
  const movies = texts.map((text): Movie => JSON.parse(text));
  return [...new Map(movies.map((movie) => [movie.id, movie])).values()];
}

const recorded = (): string[] =>
  [gunzipSync(readFileSync(snapshot)).toString(), readFileSync(join(recordings, 'quirks.ndjson'), 'utf8')].flatMap(
    (file) => file.trim().split('\n'),
  );

function generated(): string[] {
  const catalogue = new GeneratedCatalogue({ movies: 1_000 });
  return Array.from({ length: catalogue.size }, (_, rank) => catalogue.document(catalogue.idAtRank(rank))).flatMap(
    (document) => document?.toString() ?? [],
  );
}

/** Documents with unreliable fields. Duplicate keys are omitted, because each warehouse reads them differently. */
export function strangeDocuments(firstId: number): MovieRecord[] {
  const sample = fc.sample(bodies, { seed: 4_711, numRuns: 600 });
  return sample.flatMap(({ bytes, fields }, index) => {
    const keys = fields?.map(([key]) => key) ?? [];
    const isKept = fields !== null && new Set(keys).size === keys.length && isStrictJson(bytes);
    return isKept ? [{ movieId: firstId + index, body: bytes.toString(), fetchedAt: index }] : [];
  });
}
