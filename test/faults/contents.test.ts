import { isUtf8 } from 'node:buffer';
import { copyFile } from 'node:fs/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { rawMovieCodec } from '../../schemas/codecs.ts';
import type { DbtRun } from '../../transform/dbt/dbt.ts';
import { ContentsChain, sha256 } from '../support/dbt/contents-chain.ts';
import { bodies, type Fields, toText } from '../support/dbt/documents.ts';
import { allowedValues, silverSql } from '../support/dbt/silver-values.ts';
import { buildOrRun, WarehouseFile } from '../support/dbt/warehouse-file.ts';
import { fetchAll } from '../support/tmdb/fetched.ts';
import { casesOf, isLongForm } from '../tiers.ts';

/** Printed if a document fails, with the shortest failing document. */
const seed = Number(process.env['CONTENTS_SEED'] ?? Date.now() % 2 ** 31);
const runs = Number(process.env['CONTENTS_RUNS'] ?? 10);

const someBodies = fc.array(bodies, { minLength: 10, maxLength: 25, size: 'max' });

let chain: ContentsChain;
/** By movie id, of those that BRONZE has. */
const documents = new Map<number, Fields>();

beforeAll(async () => {
  chain = await ContentsChain.create();
});
afterAll(() => chain[Symbol.asyncDispose]());

const prototypeBefore = Object.getOwnPropertyNames(Object.prototype);
const expectNoPollution = () => {
  expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(prototypeBefore);
  expect({}).not.toHaveProperty('polluted');
};

/** Whether a document has an id that is not the movie's. For a duplicate key, JSON.parse uses the last value. */
function namesAnotherMovie(bytes: Buffer, movieId: number): boolean {
  const document = JSON.parse(bytes.toString()) as { readonly id?: unknown };
  return Object.hasOwn(document, 'id') && document.id !== movieId;
}

/** Whether a warehouse must accept it: one JSON object in UTF-8 without lone surrogates. A warehouse may also accept NaN. */
function isJsonObject(bytes: Buffer): boolean {
  const text = bytes.toString();
  try {
    JSON.parse(text);
  } catch {
    return false;
  }
  const unescaped = text.replaceAll(/\\(?:u([0-9a-fA-F]{4})|.)/g, (_, code) =>
    code ? String.fromCharCode(Number.parseInt(code, 16)) : '',
  );
  return isUtf8(bytes) && /^[ \t\r\n]*\{/.test(text) && unescaped.isWellFormed();
}

it('[P5 R46 R49] publishes the answers of TMDb byte for byte, or parks the movie with a reason', async () => {
  await fc.assert(
    fc.asyncProperty(someBodies, async (some) => {
      const answers = some.map(({ bytes, fields }, index) =>
        fields ? Buffer.from(toText([['id', `${index + 1}`], ...fields])) : bytes,
      );
      const { published, parked } = await fetchAll(answers);
      for (const [index, answer] of answers.entries()) {
        const [body, letter] = [published.get(index + 1), parked.get(index + 1)];
        expect(body ? [body.toString('hex')] : letter?.reason).toEqual(
          body ? [answer.toString('hex')] : expect.stringMatching(/^(invalid_json|unexpected_shape|wrong_movie)$/),
        );
        expect(letter === undefined).toBe(body !== undefined);
      }
      expectNoPollution();
    }),
    { numRuns: runs, seed },
  );
});

/** Loads documents through a raw topic, and compares what BRONZE and the dead letters have of them. */
async function storeDocuments(): Promise<void> {
  await fc.assert(
    fc.asyncProperty(someBodies, async (some) => {
      const first = await chain.load(some.map(({ bytes }) => bytes));
      const outcomes = await chain.outcomes(first);
      for (const [index, { bytes, fields }] of some.entries()) {
        const { stored, parked } = outcomes[index] ?? {};
        const isForeign = isJsonObject(bytes) && namesAnotherMovie(bytes, first + index + 1);
        if (isForeign) {
          expect({ stored, parked: parked?.reason }).toEqual({ stored: undefined, parked: 'id_mismatch' });
          continue;
        }
        expect({ stored, parked: parked?.reason }).toEqual(
          isJsonObject(bytes) || !parked
            ? { stored: sha256(bytes), parked: undefined }
            : { stored: undefined, parked: expect.stringMatching(/^(invalid_json|undecodable_record|id_mismatch)$/) },
        );
        if (parked) expect(rawMovieCodec.decode(parked.originValue ?? bytes).body.equals(bytes)).toBe(true);
        if (stored && fields) documents.set(first + index + 1, fields);
      }
      expectNoPollution();
    }),
    { numRuns: runs, seed },
  );
}

it(
  '[R46 R49 R50] stores the documents of a raw topic byte for byte, or parks them unchanged with a reason',
  storeDocuments,
);

it('[R48] stores documents of a million keys and of twenty megabytes, and parks documents that are too deep, in bounded memory', async () => {
  const keys = Array.from({ length: 1_000_000 }, (_, key) => `"k${key}":${key}`).join();
  const large = [
    { json: `{"title":"wide",${keys},"budget":1000000}`, isStored: true },
    { json: `{"title":"${'x'.repeat(20_000_000)}"}`, isStored: true },
    { json: `{"title":"deep","deep":${'['.repeat(4_990)}${']'.repeat(4_990)}}`, isStored: true },
    { json: `{"deep":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, isStored: false },
    { json: '{"a":'.repeat(1_000_000), isStored: false },
  ];
  const bytes = large.map(({ json }) => Buffer.from(json));
  const before = process.memoryUsage.rss();
  const first = await chain.load(bytes);
  const outcomes = await chain.outcomes(first);
  // Memory for a few copies of the sent bytes, but not for a parsed tree.
  expect((process.memoryUsage.rss() - before) / 1e6).toBeLessThan(600);
  expect(outcomes.map(({ stored }) => stored)).toEqual(
    bytes.map((body, index) => (large[index]?.isStored ? sha256(body) : undefined)),
  );
  expect(outcomes.filter(({ parked }) => parked).length).toBe(2);
  documents.set(first + 1, [
    ['title', '"wide"'],
    ['budget', '1000000'],
  ]);
  documents.set(first + 3, [['title', '"deep"']]);
});

/**
 * Builds what is loaded, in that time zone: everything, or in `npm test` only the movies of SILVER, with the test of their documents.
 * @returns the outcome of the build, and the movies of SILVER.
 */
async function buildIn(zone: string, command: 'build' | 'run') {
  await using file = await WarehouseFile.create();
  await copyFile(chain.file.path, file.path);
  const dbt = (run: Partial<DbtRun>) => file.dbt(run, { TZ: zone });
  if (!isLongForm) await dbt({ command: 'run', select: ['+silver_movies'] });
  const { status, tests } = await dbt(isLongForm ? { command } : { command: 'test', select: ['documents_are_usable'] });
  const contents = isLongForm ? sha256(Buffer.from(JSON.stringify(await file.contents()))) : null;
  const movies = await file.query(silverSql);
  return { status, warned: tests.warned, contents, movies };
}

it('[R44 R47 R50 R51 S11] builds SILVER with each value of a document or NULL, warns about unusable values, and gives the same result in any time zone', async () => {
  if (documents.size === 0) await storeDocuments();
  const zones = casesOf(['UTC', 'Pacific/Kiritimati', 'America/St_Johns'], [1]);
  const [build, ...others] = await Promise.all(
    zones.map((zone, index) => buildIn(zone, index === 0 ? 'build' : buildOrRun)),
  );
  // One warning is about unusable fields. The other one, about ids that two movies share, depends on chance.
  expect(build?.status).toBe('warned');
  expect([1, 2]).toContain(build?.warned);
  for (const { contents, warned } of others) {
    expect(contents).toEqual(build?.contents);
    if (buildOrRun === 'build') expect(warned).toBe(build?.warned);
  }

  const silver = new Map(build?.movies.map((row) => [Number(row['movie_id']), row]));
  expect(documents.size).toBeGreaterThan(5 * runs);
  for (const [movieId, fields] of documents) {
    const row = silver.get(movieId) ?? {};
    for (const { key, column, values, isToldWhenNull } of allowedValues(fields)) {
      const value = row[column] === null ? null : String(row[column]);
      expect(values, `${column} of ${toText(fields)}`).toContain(value);
      if (value === null && isToldWhenNull) expect(row['unusable_fields'], toText(fields)).toContain(`${key} `);
    }
  }
});
