import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import fc from 'fast-check';
import { expect, inject, it } from 'vitest';
import { systemClock } from '../../../runtime/clock.ts';
import { openWarmDbt } from '../../../transform/dbt/open-dbt.ts';
import { openDuckDbPurge } from '../../../warehouse/duckdb/purge.ts';
import {
  buildOrRun,
  environmentDir,
  gone,
  type MovieRecord,
  projectDir,
  WarehouseFile,
} from '../../support/dbt/warehouse-file.ts';
import { casesOf, isLongForm } from '../../tiers.ts';

const ids = 12;
/** Answers are days apart, so that a newer one makes the popularity of others too old. */
const day = 86_400;

/** Few movies, few moments, few genres and companies, so that many combinations occur. */
const record: fc.Arbitrary<MovieRecord> = fc
  .record({
    movieId: fc.integer({ min: 1, max: ids }),
    fetchedAt: fc.integer({ min: 0, max: 20 }),
    isGone: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
    genres: fc.uniqueArray(fc.constantFrom(18, 28, 35, 99, 10769), { maxLength: 3 }),
    companies: fc.uniqueArray(fc.integer({ min: 1, max: 6 }), { maxLength: 3 }),
    countries: fc.uniqueArray(fc.constantFrom('CZ', 'FR', 'US'), { maxLength: 2 }),
    languages: fc.uniqueArray(fc.constantFrom('cs', 'fr', 'xx'), { maxLength: 2 }),
    budget: fc.constantFrom(0, 50_000, 1_000_000, 200_000_000),
    revenue: fc.constantFrom(0, 1_000_000, 900_000_000),
    votes: fc.constantFrom(0, 10, 400),
    status: fc.constantFrom('Released', 'Released', 'Released', 'Planned', ''),
    isNamed: fc.boolean(),
    imdbId: fc.constantFrom('', 'tt1', 'tt2'),
  })
  .map(({ movieId, fetchedAt, isGone, genres, companies, countries, languages, ...doc }) => {
    if (isGone) return gone(movieId, fetchedAt * day);
    const body = {
      id: movieId,
      title: `movie ${movieId} as of ${fetchedAt} with ${doc.budget}`,
      status: doc.status,
      imdb_id: doc.imdbId,
      adult: doc.votes === 10,
      release_date: `${1990 + fetchedAt}-02-0${1 + (movieId % 9)}`,
      genres: genres.map((id) => ({ id, name: doc.isNamed ? `genre ${id} as of ${fetchedAt}` : '' })),
      production_companies: companies.map((id) => ({
        id,
        name: doc.isNamed ? `company ${id} as of ${fetchedAt}` : null,
        origin_country: '',
      })),
      production_countries: countries.map((code) => ({
        iso_3166_1: code,
        name: doc.isNamed ? `country ${code} as of ${fetchedAt}` : '',
      })),
      spoken_languages: languages.map((code) => ({
        iso_639_1: code,
        english_name: doc.isNamed ? `language ${code} as of ${fetchedAt}` : null,
        name: `${code} ${fetchedAt}`,
      })),
      overview: `as of ${fetchedAt}`,
      budget: doc.budget,
      revenue: doc.revenue,
      vote_count: doc.votes,
      vote_average: 6.5,
      popularity: fetchedAt / 7,
    };
    return { movieId, body, fetchedAt: fetchedAt * day };
  });

const batches = (seed: number, count: number): readonly MovieRecord[][] =>
  fc.sample(fc.array(record, { minLength: 1, maxLength: 15 }), { seed, numRuns: count });

/** The expected title and deletion of each movie in SILVER, from all of BRONZE. Ties go to the later batch and offset. */
function newest(
  loaded: readonly { seq: number; records: readonly MovieRecord[] }[],
  purgedBefore = 0,
): Record<string, { title: string | null; is_deleted: boolean }> {
  const all = loaded
    .flatMap(({ seq, records }) => records.map((entry, offset) => ({ ...entry, seq, offset })))
    .sort((a, b) => a.fetchedAt - b.fetchedAt || a.seq - b.seq || a.offset - b.offset);
  const movies: Record<string, { title: string | null; is_deleted: boolean }> = {};
  for (const { movieId, status, body, fetchedAt } of all) {
    const isExpired = fetchedAt < purgedBefore;
    const described = status ? (movies[movieId]?.title ?? null) : (body as { title: string }).title;
    movies[movieId] = { title: isExpired ? null : described, is_deleted: isExpired || status !== undefined };
  }
  return movies;
}

const silver = async (file: WarehouseFile) =>
  Object.fromEntries(
    (await file.query('select movie_id, title, is_deleted from silver.silver_movies')).map(
      ({ movie_id, title, is_deleted }) => [String(movie_id), { title, is_deleted }],
    ),
  );

/** Runs dbt by the tests' server and kills it when it reports that `node` is done: in the middle of the next node. */
async function buildKilledAfter(file: WarehouseFile, node: string): Promise<void> {
  const work = join(file.dir, 'dbt');
  const child = spawn(
    join(inject('dbtEnvironment'), 'bin', 'python'),
    [
      join(environmentDir, 'bin', 'dbt'),
      ...[
        '--log-format',
        'json',
        '--log-level',
        'debug',
        '--log-level-file',
        'none',
        'build',
        '--exclude-resource-type',
      ],
      ...[
        'unit_test',
        '--project-dir',
        projectDir,
        '--profiles-dir',
        projectDir,
        '--target-path',
        join(work, 'target'),
      ],
      ...['--log-path', join(work, 'logs')],
    ],
    { env: file.place().env, stdio: ['ignore', 'pipe', 'ignore'] },
  );
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.includes(`"node_name": "${node}"`) && line.includes('"LogModelResult"')) child.kill('SIGKILL');
  });
  // Comes when dbt has ended too, because it has the same streams as the client of the server.
  const [code, signal] = await once(child, 'close');
  expect({ code, signal }).toEqual({ code: null, signal: 'SIGKILL' });
}

it('[P11 P25 R4 R62 R150] builds the same tables in steps as in a full refresh, in any order of arrival, after a purge and despite kills', {
  timeout: 600_000,
}, async () => {
  await using file = await WarehouseFile.create();
  const loaded: { seq: number; records: readonly MovieRecord[] }[] = [];
  const load = async (seq: number, records: readonly MovieRecord[]) => {
    loaded.push({ seq, records });
    await file.load(seq, records);
  };
  const [first = [], second = [], third = [], fourth = [], fifth = [], sixth = []] = batches(20_261, 6);
  await load(10, first);
  await file.loadGenres(11, [
    { language: 'en', body: { genres: [{ id: 18, name: 'Drama' }] }, fetchedAt: 0 },
    { language: 'fr', body: { genres: [{ id: 18, name: 'Drame' }] }, fetchedAt: 9 },
  ]);
  await file.dbt({ command: buildOrRun });

  await load(3, second); // committed late, under a lower number
  await load(12, [...third, ...first]); // repeats
  if (isLongForm) {
    await file.dbt();
    expect(await silver(file)).toEqual(newest(loaded));
  }

  const purgedBefore = 12 * day;
  const back = { movieId: 2, body: { id: 2, title: 'back' }, fetchedAt: 31 * day };
  const rest = [
    { seq: 13, records: fourth, node: 'silver_movies' },
    { seq: 2, records: fifth, node: 'silver_movie_companies' },
    { seq: 14, records: [...sixth, gone(1, 30 * day), gone(2, 30 * day), back], node: 'fact_movies' },
  ];
  const killedAfter = casesOf(
    rest.map(({ node }) => node),
    [1],
  );
  for (const { seq, records, node } of rest) {
    await load(seq, records);
    if (killedAfter.includes(node)) await buildKilledAfter(file, node);
  }
  const purge = await openDuckDbPurge({ path: file.path, lockWaitMs: 10_000, clock: systemClock });
  while ((await purge.blankNext(new Date(Date.UTC(2026, 0, 1) + purgedBefore * 1_000))) > 0);
  // A model names each column that it reads.
  await file.query('alter table bronze.raw_movies add column of_a_later_version varchar');
  await file.dbt();
  const interrupted = await file.query(`select count(*) as n from silver.dbt_runs where status = 'interrupted'`);
  expect(interrupted).toEqual([{ n: `${killedAfter.length}` }]);
  expect(await silver(file)).toEqual(newest(loaded, purgedBefore));
  expect(Object.values(newest(loaded, purgedBefore)).filter((movie) => movie.title === null).length).toBeGreaterThan(1);
  expect(await file.query('select movie_id from gold.fact_movies where movie_id in (1, 2)')).toEqual([
    { movie_id: '2' },
  ]);

  for (const model of ['staging/stg_movies', 'silver/silver_movies', 'silver/silver_document_shapes']) {
    expect(await restrictionsOfScans(file, model), model).toEqual(new Set(['HASH_JOIN']));
  }

  await expectSameAsFullRefresh(file);
  const before = await file.contents();
  await purge.finish(new Date());
  expect(await file.contents(), 'rewriting the file changes nothing').toEqual(before);
  expect(await purge.isUnfinished()).toBe(false);
  // A run that is killed has sealed its batches. The last one seals those that the purge has given new numbers.
  const runs = (isLongForm ? 2 : 1) + killedAfter.length + 1;
  expect(await file.query('select count(distinct run_seq) as n from silver.sealed_batches')).toEqual([
    { n: `${runs}` },
  ]);
});

interface PlanNode {
  readonly name: string;
  readonly children: readonly PlanNode[];
  readonly extra_info: Readonly<Record<string, unknown>>;
}

/**
 * What restricts each scan that reads documents of BRONZE in the last run of a model: HASH_JOIN reads those of new answers only, a
 * condition reads all of them.
 */
async function restrictionsOfScans(file: WarehouseFile, model: string): Promise<Set<string>> {
  const compiled = join(file.dir, 'dbt', 'target', 'compiled', 'tmdb_stream', 'models', `${model}.sql`);
  const [row] = await file.query(
    `explain (format json) ${(await readFile(compiled, 'utf8')).replaceAll('"tmdb".', '')}`,
  );
  const restrictions = (node: PlanNode, restrictedBy: string): string[] => {
    const { Table, Projections, Filters } = node.extra_info;
    if (String(Table).endsWith('raw_movies') && [Projections].flat().includes('raw_data')) {
      return [Filters ? `a condition: ${Filters}` : restrictedBy];
    }
    const nearest = node.name === 'PROJECTION' ? restrictedBy : node.name;
    return node.children.flatMap((child) => restrictions(child, nearest));
  };
  const plan: PlanNode[] = JSON.parse(String(row?.['explain_value']));
  return new Set(plan.flatMap((node) => restrictions(node, 'nothing')));
}

async function expectSameAsFullRefresh(file: WarehouseFile): Promise<void> {
  const bySteps = await file.contents();
  await file.dbt({ command: buildOrRun, fullRefresh: true });
  const fromScratch = await file.contents();
  for (const [table, rows] of Object.entries(fromScratch)) expect(bySteps[table], table).toEqual(rows);
}

it('includes a batch that was committed late under a lower number, and lets no late record undo a newer one', {
  tags: ['full'],
}, async () => {
  await using file = await WarehouseFile.create();
  await using dbt = openWarmDbt(file.place());
  const at = (movieId: number, fetchedAt: number): MovieRecord => {
    return { movieId, body: { id: movieId, title: `as of ${fetchedAt}` }, fetchedAt };
  };
  await file.load(10, [at(1, 5)]);
  await file.run(dbt);
  await file.load(3, [at(2, 1)]);
  await file.load(12, [at(1, 4)]);
  await file.run(dbt);
  expect(await silver(file)).toEqual({
    1: { title: 'as of 5', is_deleted: false },
    2: { title: 'as of 1', is_deleted: false },
  });
  await expectSameAsFullRefresh(file);
});

it('fails after each run as long as a new batch is sealed twice', { tags: ['full'] }, async () => {
  await using file = await WarehouseFile.create();
  await using dbt = openWarmDbt(file.place());
  await file.load(1, [{ movieId: 1, body: { id: 1 }, fetchedAt: 1 }]);
  await file.run(dbt);
  await file.query(
    `insert into silver.sealed_batches select load_seq, batch_id, 2, sealed_at from silver.sealed_batches`,
  );
  for (const time of ['first', 'second']) {
    await expect(file.run(dbt), time).rejects.toThrow('run_log_sealed_batches_batch_id');
  }
  await file.query('delete from silver.sealed_batches where run_seq = 2');
  await file.run(dbt);
});

it('builds the same tables in many small steps of one process, when movies lose and regain genres and companies', {
  tags: ['full'],
  timeout: 300_000,
}, async () => {
  await using file = await WarehouseFile.create('odd-name');
  await using dbt = openWarmDbt(file.place());
  for (const [index, records] of batches(4_711, 12).entries()) {
    await file.load(index % 2 === 0 ? 100 + index : 100 - index, records.slice(0, 6));
    await file.run(dbt);
  }
  await expectSameAsFullRefresh(file);
});
