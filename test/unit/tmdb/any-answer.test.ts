import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { produceGenres } from '../../../producers/genres.ts';
import { producePopular } from '../../../producers/popular.ts';
import { createLogger } from '../../../runtime/logger.ts';
import type { MovieId, RawGenres } from '../../../schemas/records.ts';
import { endpoints } from '../../../tmdb/endpoint.ts';
import { TmdbError } from '../../../tmdb/errors.ts';
import { createTmdbClient } from '../../../tmdb/retrying-client.ts';
import type { TmdbClient } from '../../../tmdb/tmdb-client.ts';
import { MemoryTokenBucket } from '../../../tmdb/token-bucket/memory.ts';
import type { Answer } from '../../../tmdb/transport.ts';
import { ManualClock } from '../../support/clock/manual-clock.ts';
import { MemorySink } from '../../support/kafka/memory-sink.ts';
import { json, ScriptedTransport } from '../../support/tmdb/scripted-transport.ts';

const log = createLogger('silent', []);
const { signal } = new AbortController();
const isId = (id: unknown) => Number.isInteger(id) && Number(id) >= 1 && Number(id) < 2 ** 31;

/** Any JSON value in place of a movie's id. */
const anyId = fc.oneof(
  fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  fc.jsonValue(),
  fc.constantFrom(null, '1', '', 0, -1, 1.5, 2 ** 31, 2 ** 53, 1e308, true),
);
const anyItem = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 2 ** 31 - 1 }).map((id) => ({ id, title: 'x' })) },
  fc.record({ id: anyId, name: fc.jsonValue() }, { requiredKeys: [] }),
  fc.jsonValue(),
);
const anyTotal = fc.oneof(fc.constant(undefined), fc.integer({ min: 0, max: 3 }), fc.jsonValue());
const anyPage = fc.record({
  results: fc.array(anyItem, { maxLength: 30 }),
  total_pages: anyTotal,
  page: fc.jsonValue(),
});

/** The client's result for each body. Waiting takes no time. */
function clientOf(answer: (path: string) => Answer): { client: TmdbClient; clock: ManualClock } {
  const clock = new ManualClock();
  const bucket = new MemoryTokenBucket({ capacity: 100_000, windowMs: 10_000 }, clock);
  const options = { baseUrl: 'https://api.themoviedb.org/3', concurrency: 20, giveUpAfterMs: 60_000, windowMs: 10_000 };
  const transport = new ScriptedTransport(answer);
  return { client: createTmdbClient({ ...options, transport, bucket, log }, { clock, random: () => 0.5 }), clock };
}

async function settled<T>(work: Promise<T>, clock: ManualClock): Promise<PromiseSettledResult<T>> {
  let hasEnded = false;
  const result = Promise.allSettled([work]).then(([only]) => {
    hasEnded = true;
    return only;
  });
  for (let steps = 0; !hasEnded && steps < 1_000; steps += 1) await clock.advance(5_000);
  return result;
}

describe('for any content of a list', () => {
  it('[R65] every good movie is published once, and all other listed items are counted as skipped', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyPage, { minLength: 1, maxLength: 4 }), async (pages) => {
        const asked: number[] = [];
        const { client, clock } = clientOf((path) => {
          const page = Number(path.split('=').at(-1));
          asked.push(page);
          return json(pages[page - 1] ?? { results: [], total_pages: pages.length });
        });
        const movieIds = new MemorySink<MovieId>();
        const work = producePopular(
          { tmdb: client, movieIds, known: new Map(), clock, log },
          { pages: pages.length, refreshAfterMs: 0 },
          signal,
        );
        const result = await settled(work, clock);
        // Some random bodies report an error. They then have no results, or the client reports the error.
        if (result.status === 'rejected') throw result.reason;
        const items = [...new Set(asked)].flatMap((page): unknown[] =>
          JSON.parse(JSON.stringify(pages[page - 1]?.results ?? [])),
        );
        const good = items.map((item) => (item as { id?: unknown } | null)?.id).filter(isId);
        expect(new Set(movieIds.values.map(({ movieId }) => movieId))).toEqual(new Set(good));
        expect(movieIds.values).toHaveLength(new Set(good).size);
        expect(result.value).toMatchObject({
          itemsSkipped: items.length - good.length,
          pagesFailed: 0,
          published: new Set(good).size,
        });
      }),
      { numRuns: 300 },
    );
  });

  it('[R67] a genre list is published byte for byte, and its bad rows are counted', async () => {
    const row = fc.oneof(
      fc.record({ id: anyId, name: fc.oneof(fc.string(), fc.jsonValue()) }, { requiredKeys: [] }),
      fc.jsonValue(),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 20 }), async (rows) => {
        const answer = json({ genres: rows });
        const { client, clock } = clientOf(() => answer);
        const rawGenres = new MemorySink<RawGenres>();
        const look = await produceGenres(
          { tmdb: client, rawGenres, known: new Map(), clock, log },
          { language: 'en', refreshAfterMs: 0 },
          signal,
        );
        const read: { id?: unknown; name?: unknown }[] = JSON.parse(answer.body.toString()).genres;
        const good = read.filter((one) => isId(one?.id) && typeof one.name === 'string' && one.name.trim() !== '');
        expect(look).toEqual({ published: true, rowsUnusable: rows.length - good.length });
        expect(rawGenres.values.map(({ body }) => body.equals(answer.body))).toEqual([true]);
      }),
      { numRuns: 300 },
    );
  });
});

describe.each(endpoints)('for any answer of %s', (endpoint) => {
  const anyBody = fc.oneof(
    fc.json().map(Buffer.from),
    anyPage.map((page) => Buffer.from(JSON.stringify(page))),
    fc
      .record({ success: fc.constant(false), status_code: fc.integer({ min: 0, max: 60 }) })
      .map((error) => Buffer.from(JSON.stringify(error))),
    fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
  );
  const anyAnswer = fc.record({
    status: fc.constantFrom(200, 200, 200, 201, 204, 301, 400, 401, 403, 404, 410, 418, 429, 500, 503),
    contentType: fc.constantFrom('application/json', 'application/json;charset=utf-8', 'text/html', ''),
    retryAfter: fc.constantFrom(undefined, '1', '-1', 'soon'),
    body: anyBody,
  });

  it('[R69] the client returns the received bytes, or fails with a typed error', async () => {
    await fc.assert(
      fc.asyncProperty(anyAnswer, async (answer) => {
        const { client, clock } = clientOf(() => answer);
        const asked: Record<typeof endpoint, () => Promise<{ readonly body: Buffer }>> = {
          movie: () => client.movie(5, signal),
          popular: () => client.popular(3, signal),
          changes: () => client.changes('2026-01-01', 3, signal),
          genres: () => client.genres('en', signal),
        };
        const result = await settled(asked[endpoint](), clock);
        if (result.status === 'fulfilled') expect(result.value.body.equals(answer.body)).toBe(true);
        else expect(result.reason).toBeInstanceOf(TmdbError);
      }),
      { numRuns: 200 },
    );
  });
});
