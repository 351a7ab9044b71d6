import type { MovieRecord } from './warehouse-file.ts';

const cast = [
  { id: 7, name: 'Ada Anchor', character: 'The Captain', credit_id: 'c1', order: 0 },
  { id: 8, name: 'Bo Bridge', character: '', credit_id: 'c2', order: 1 },
  { id: 7, name: 'Ada Anchor', character: 'The Twin', credit_id: 'c3', order: 2 },
];
const crew = [
  { id: 9, name: 'Cy Comet', department: 'Directing', job: 'Director', credit_id: 'c4' },
  { id: 9, name: 'Cy Comet', department: 'Writing', job: 'Writer', credit_id: 'c5' },
];
const keywords = [
  { id: 21, name: 'ship' },
  { id: 22, name: 'twin' },
];
const results = [
  {
    iso_3166_1: 'US',
    release_dates: [
      { certification: 'PG-13', release_date: '2012-08-28T00:00:00.000Z', type: 3 },
      { certification: '', release_date: '2012-10-01T00:00:00.000Z', type: 4 },
    ],
  },
  { iso_3166_1: 'DE', release_dates: [{ certification: '12', release_date: '2012-09-01T00:00:00.000Z', type: 1 }] },
];

export const allParts = { credits: { cast, crew }, keywords: { keywords }, release_dates: { results } };

/** The document of a movie with these parts, from a URL that asks for all of them. */
export const withParts = (movieId: number, fetchedAt: number, parts: object): MovieRecord => ({
  movieId,
  fetchedAt,
  body: { id: movieId, title: `movie ${movieId}`, status: 'Released', ...parts },
  query: 'append_to_response=release_dates,credits,keywords',
});

/** Parts with values of every wrong kind, one document for each. */
export const oddParts: readonly object[] = [
  { credits: null, keywords: 'none', release_dates: [] },
  { credits: {}, keywords: { keywords: {} }, release_dates: { results: null } },
  { credits: { cast: [null, 1, [], {}, { credit_id: 7 }, { credit_id: '' }, { credit_id: 'x', id: 'y' }], crew: 'x' } },
  { credits: { cast: [cast[0], cast[0]], crew: [{ credit_id: 'z', job: {}, department: 1, name: '\u200b' }] } },
  { keywords: { keywords: [{ id: '21', name: 3 }, { id: 21, name: 'again' }, { id: -1 }, { name: 'no id' }] } },
  { release_dates: { results: [{ iso_3166_1: 'USA', release_dates: [{}] }, { iso_3166_1: 'FR' }, null] } },
  {
    release_dates: {
      results: [
        {
          iso_3166_1: 'FR',
          release_dates: [null, { type: 7, release_date: 'soon' }, { type: '3', certification: 12 }],
        },
        { iso_3166_1: 'FR', release_dates: [{ type: 2.5, release_date: '2012-02-30T00:00:00.000Z' }] },
      ],
    },
  },
];
