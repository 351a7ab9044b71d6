import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GeneratedCatalogue } from '../../../sandbox/catalogue-generated.ts';
import { openRecordedCatalogue } from '../../../sandbox/catalogue-recorded.ts';
import { startSandbox } from '../../../sandbox/server.ts';
import { announceSkipped, hasRecordings, recordings } from '../../support/tmdb/recordings.ts';

const authorization = 'Bearer any-token';

describe('a recorded catalogue', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sandbox-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const write = async (content: string | Buffer, name = 'movies.ndjson'): Promise<string> => {
    const file = join(folder, name);
    await writeFile(file, content);
    return file;
  };
  const movie = (id: number, popularity: number, more: object = {}) =>
    JSON.stringify({ id, title: `Movie ${id}`, popularity, genres: [{ id: 18, name: 'Drama' }], ...more });

  it('serves each line byte for byte, whatever its spacing and order of keys', async () => {
    const line = '{ "title":"\\u00e9\\/ü",  "popularity":1.50, "id":5 ,"revenue":2800000000.0 }';
    const catalogue = await openRecordedCatalogue(await write(`${movie(4, 9)}\r\n${line}\n\n${movie(6, 1)}`));
    expect(catalogue.document(5)?.toString()).toBe(line);
    expect(catalogue.document(4)?.toString()).toBe(movie(4, 9));
    expect(catalogue.document(6)?.toString()).toBe(movie(6, 1));
    expect(catalogue.document(7)).toBeNull();
  });

  it('treats a later line as a newer version', async () => {
    const catalogue = await openRecordedCatalogue(await write([movie(1, 5), movie(2, 4), movie(1, 3)].join('\n')));
    expect(catalogue.size).toBe(2);
    expect(catalogue.document(1)?.toString()).toBe(movie(1, 3));
    expect([0, 1].map((rank) => catalogue.listItem(rank).id)).toEqual([2, 1]);
  });

  it('lists by popularity, then by id', async () => {
    const file = await write([movie(9, 1), movie(3, 1), movie(7, 2), movie(5, Number.NaN)].join('\n'));
    const catalogue = await openRecordedCatalogue(file);
    expect([0, 1, 2, 3].map((rank) => catalogue.listItem(rank).id)).toEqual([7, 3, 9, 5]);
  });

  it('adds genres that only its movies name to the official ones', async () => {
    const file = await write(
      movie(1, 1, {
        genres: [
          { id: 10769, name: 'Foreign' },
          { id: 18, name: 'Drama' },
        ],
      }),
    );
    const { genres } = await openRecordedCatalogue(file);
    expect(genres).toHaveLength(20);
    expect(genres.at(-1)).toEqual({ id: 10769, name: 'Foreign' });
  });

  it('reads lines that are longer than a chunk of the file, gzipped or not', async () => {
    const long = movie(1, 1, { overview: 'ü'.repeat(300_000) });
    const content = `${long}\n${movie(2, 1)}\n`;
    for (const file of [await write(content), await write(gzipSync(content), 'movies.ndjson.gz')]) {
      const catalogue = await openRecordedCatalogue(file);
      expect(catalogue.document(1)?.toString()).toBe(long);
      expect(catalogue.document(2)?.toString()).toBe(movie(2, 1));
    }
  });

  it.each([
    ['{"id":1}\n{"id":', 'line 2: no JSON'],
    ['{"id":1}\n\n{"movie":1}\n', 'line 3: no movie document'],
    ['{"id":"1"}', 'line 1: no movie document'],
    ['null', 'line 1: no movie document'],
    ['\n', 'holds no movie'],
  ])('refuses %j and says where', async (content, message) => {
    const file = await write(content);
    await expect(openRecordedCatalogue(file)).rejects.toMatchObject({
      name: 'UsageError',
      message: expect.stringMatching(new RegExp(`${file}.*${message}`)),
    });
  });

  it('refuses a file that does not exist or is not gzip', async () => {
    await expect(openRecordedCatalogue(join(folder, 'none.ndjson'))).rejects.toThrow(
      'none.ndjson cannot be read: ENOENT',
    );
    await expect(openRecordedCatalogue(join(folder, 'none.gz'))).rejects.toThrow('none.gz cannot be read: ENOENT');
    const half = gzipSync(`${movie(1, 1)}\n`.repeat(1_000)).subarray(0, 100);
    const torn = openRecordedCatalogue(await write(half, 'torn.ndjson.gz'));
    await expect(torn).rejects.toMatchObject({
      name: 'UsageError',
      message: expect.stringContaining('torn.ndjson.gz'),
    });
  });

  it('serves the documents of a generated catalogue over HTTP', async () => {
    const generated = new GeneratedCatalogue({ movies: 300, seed: 5 });
    const documents = Array.from({ length: 300 }, (_, rank) => generated.document(generated.idAtRank(rank)));
    const file = await write(documents.filter((document) => document !== null).join('\n'));
    await using sandbox = await startSandbox({ catalogueFile: file, limit: null });
    const response = await fetch(`${sandbox.url}/movie/popular?page=1`, { headers: { authorization } });
    const page = (await response.json()) as { results: { id: number }[] };
    expect(page.results.map(({ id }) => id)).toEqual(
      Array.from({ length: 25 }, (_, rank) => generated.idAtRank(rank))
        .filter((id) => !generated.isDeleted(id))
        .slice(0, 20),
    );
  });
});

announceSkipped('the sandbox on recorded movies');

describe.skipIf(!hasRecordings)('the sandbox on recorded movies', () => {
  it('serves every unusual document byte for byte over HTTP', async () => {
    const file = `${recordings}quirks.ndjson`;
    await using sandbox = await startSandbox({ catalogueFile: file, limit: null });
    const lines = (await readFile(file, 'utf8')).trim().split('\n');
    for (const line of lines) {
      const response = await fetch(`${sandbox.url}/movie/${JSON.parse(line).id}`, { headers: { authorization } });
      expect(await response.text()).toBe(line);
    }
    expect(sandbox.stats().byStatus).toEqual({ 200: lines.length });
  });

  it('lists a whole recording', async () => {
    const file = `${recordings}snapshots/2025-12-15a.ndjson.gz`;
    await using sandbox = await startSandbox({ catalogueFile: file, limit: null });
    const response = await fetch(`${sandbox.url}/movie/popular?page=50`, { headers: { authorization } });
    expect(await response.json()).toMatchObject({ page: 50, total_pages: 50, total_results: 1_000 });
  });

  it('refuses with the recorded bodies', async () => {
    await using sandbox = await startSandbox({ limit: null });
    const bodies = {
      '401_7': { status: 401 },
      '404_34': { status: 404 },
      '429_25_modern': { status: 429 },
      '500_11': { status: 500 },
      '502_43': { status: 502 },
      '503_46': { status: 503 },
      '503_9': { status: 503, code: 9 },
      '504_24': { status: 504 },
      '400_22': { status: 400 },
      '422_20': { status: 422 },
    };
    for (const [name, fault] of Object.entries(bodies)) {
      const body = JSON.stringify([{ kind: 'status', ...fault }]);
      await fetch(new URL('/sandbox/faults', sandbox.url), { method: 'POST', body });
      const response = await fetch(`${sandbox.url}/movie/1`, { headers: { authorization } });
      expect(await response.text(), name).toBe((await readFile(`${recordings}errors/${name}.json`, 'utf8')).trim());
    }
  });
});
