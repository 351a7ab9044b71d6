import { describe, expect, it } from 'vitest';
import { createLogger } from '../../../runtime/logger.ts';
import { endpoints } from '../../../tmdb/endpoint.ts';
import { CredentialsRefusedError } from '../../../tmdb/errors.ts';
import { createTmdbClient } from '../../../tmdb/retrying-client.ts';
import { MemoryTokenBucket } from '../../../tmdb/token-bucket/memory.ts';
import type { Answer } from '../../../tmdb/transport.ts';
import { ManualClock } from '../../support/clock/manual-clock.ts';
import { genres, json, movie, ScriptedTransport } from '../../support/tmdb/scripted-transport.ts';

/** TMDb's list of codes (developer.themoviedb.org/docs/errors): status → codes. */
const codesByStatus: Readonly<Record<number, readonly number[]>> = {
  200: [1, 13, 21, 40],
  201: [12],
  400: [18, 22, 23, 26, 27, 28, 29, 47],
  401: [3, 7, 10, 14, 16, 17, 30, 31, 32, 33, 35, 36, 38, 39],
  403: [8, 45],
  404: [6, 34, 37],
  405: [4, 42],
  406: [19],
  422: [5, 20, 41],
  429: [25],
  500: [11, 15, 44],
  501: [2],
  502: [43],
  503: [9, 46],
  504: [24],
};
const all = Object.entries(codesByStatus).flatMap(([status, codes]) =>
  codes.map((code) => ({ code, status: Number(status) })),
);

/** What a code means for the details of one movie. */
type Meaning = 'gone' | 'limited' | 'refused' | 'passes' | 'final';

function meaningOf(code: number, status: number): Meaning {
  if (status === 404) return 'gone';
  if (status === 429) return 'limited';
  if (status >= 500) return 'passes';
  const isAboutOneResource = [8, 38, 39].includes(code);
  return (status === 401 || status === 403) && !isAboutOneResource ? 'refused' : 'final';
}

const good = {
  movie: movie(5),
  popular: json({ page: 3, results: [{ id: 5 }], total_pages: 9 }),
  changes: json({ page: 3, results: [{ id: 5, adult: null }], total_pages: 1 }),
  genres,
};
const pathOf = {
  movie: '/movie/5',
  popular: '/movie/popular?page=3',
  changes: '/movie/changes?start_date=2026-01-01&end_date=2026-01-02&page=3',
  genres: '/genre/movie/list?language=en',
};

describe('the list of codes', () => {
  it('has all 47 codes once', () => {
    expect(all.map(({ code }) => code).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 47 }, (_, index) => index + 1),
    );
  });
});

describe.each(endpoints)('an error answer of %s', (endpoint) => {
  /** Requests an endpoint that gives this answer once, and good answers from then on. */
  async function askOnce(answer: Answer) {
    const clock = new ManualClock();
    const transport = new ScriptedTransport((path, nth) =>
      path === pathOf[endpoint] && nth === 1 ? answer : good[endpoint],
    );
    const client = createTmdbClient(
      {
        ...{ transport, bucket: new MemoryTokenBucket({ capacity: 40, windowMs: 10_000 }, clock) },
        ...{ baseUrl: 'https://api.themoviedb.org/3', concurrency: 20, giveUpAfterMs: 600_000, windowMs: 10_000 },
        log: createLogger('silent', []),
      },
      { clock, random: () => 0 },
    );
    const { signal } = new AbortController();
    const asked = {
      movie: () => client.movie(5, signal),
      popular: () => client.popular(3, signal),
      changes: () => client.changes('2026-01-01', 3, signal),
      genres: () => client.genres('en', signal),
    };
    const result = await Promise.allSettled([asked[endpoint](), clock.advance(20_000)]).then(([first]) => first);
    return {
      httpStatus: result.status === 'fulfilled' ? result.value.httpStatus : null,
      reason: result.status === 'rejected' ? (result.reason.reason ?? result.reason.name) : null,
      isRefused: result.status === 'rejected' && result.reason instanceof CredentialsRefusedError,
      requests: transport.asked.length,
      outcomes: client.counts().byOutcome,
    };
  }

  function expectMeaning(seen: Awaited<ReturnType<typeof askOnce>>, code: number, status: number): void {
    const meaning = meaningOf(code, status);
    expect(seen.outcomes).toHaveProperty(String(status));
    if (meaning === 'refused') expect(seen).toMatchObject({ isRefused: true, requests: 1 });
    else if (meaning === 'gone' && endpoint === 'movie') expect(seen).toMatchObject({ httpStatus: 404, requests: 1 });
    else if (meaning === 'final' && endpoint === 'movie')
      expect(seen).toMatchObject({ reason: expect.stringMatching(/^unexpected_(?:status|shape)$/), requests: 1 });
    // The client was slowed down, the endpoint was briefly out, or it is a list, which always exists.
    else expect(seen).toMatchObject({ httpStatus: 200, requests: 2 });
  }

  it.each(all)(
    '[R69] with code $code in the body of a 200 means what status $status means',
    async ({ code, status }) => {
      const body = { success: false, status_code: code, status_message: 'in words' };
      expectMeaning(await askOnce(json(body)), code, status);
    },
  );

  it.each(all.filter(({ status }) => status > 201))(
    'with code $code means the same with its own status $status',
    async ({ code, status }) => {
      expectMeaning(await askOnce(json({ success: false, status_code: code }, status)), code, status);
    },
  );

  it.each([
    ['without `success`, like the oldest errors,', { status_code: 7, status_message: 'Invalid API key' }, 7, 401],
    ['with its code as text', { success: false, status_code: '25' }, 25, 429],
    ['with an unknown code', { success: false, status_code: 999 }, 999, 500],
    ['without a code', { success: false }, 0, 500],
    ['with other keys beside it', { success: false, status_code: 43, id: 5, results: [], genres: [] }, 43, 502],
  ])('[R69] %s is read as well', async (_, body, code, status) => {
    expectMeaning(await askOnce(json(body)), code, status);
  });

  it('is not assumed for a document with its own status_code', async () => {
    const document = { ...JSON.parse(good[endpoint].body.toString()), status_code: 34 };
    expect(await askOnce(json(document))).toMatchObject({ httpStatus: 200, requests: 1 });
  });
});
