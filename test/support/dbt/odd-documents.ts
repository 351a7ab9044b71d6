import type { MovieRecord } from './warehouse-file.ts';

const record = (movieId: number, body: unknown): MovieRecord => ({ movieId, body, fetchedAt: movieId });
const text = (movieId: number, json: string): MovieRecord => record(movieId, json.replace('{', `{"id":${movieId},`));
const dated = (movieId: number, release_date: string): MovieRecord =>
  record(movieId, { id: movieId, title: release_date, release_date });

/** JSON whose fields have other types, or values that cannot be true. */
export const oddDocuments: readonly MovieRecord[] = [
  record(1, {
    id: 1,
    title: 'Numbers as text',
    budget: '63000000',
    revenue: '463517383',
    runtime: '136',
    vote_count: '10',
  }),
  record(2, {
    id: 2,
    title: 'Objects',
    budget: {},
    revenue: [],
    runtime: null,
    genres: { id: 18 },
    production_companies: 7,
  }),
  text(
    3,
    '{"title":"Large","revenue":9223372036854775808,"budget":9007199254740993,"popularity":1e400,"runtime":99999999999}',
  ),
  text(
    4,
    '{"title":"Negative","revenue":-1,"budget":-0,"popularity":-3,"runtime":-90,"vote_average":11,"vote_count":-2}',
  ),
  text(5, '{"title":"Fractions","budget":1.5,"runtime":90.5,"vote_count":0.4}'),
  ...['0000-00-00', '9999-12-31', '1582-10-10', '2023-02-29', 'infinity', 'epoch', '20240101', '2024-13-01'].map(
    (day, index) => dated(10 + index, day),
  ),
  ...['1874-12-09', '2024-02-29', '2100-12-31'].map((day, index) => dated(20 + index, day)),
  text(30, '{"title":"a\\u0000b","genres":[{"id":18,"name":"\\u0000"}]}'),
  record(33, '[]'),
];
