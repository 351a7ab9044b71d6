import type { MovieRecord } from './warehouse-file.ts';

/** How SILVER reads a field. */
type Kind = 'text' | 'date' | 'whole number' | 'fraction' | 'vote' | 'flag' | 'list' | 'object';

/** Every field of a document that SILVER reads, the column that it goes to, and a value that TMDb would write. */
const fields: Readonly<Record<string, { readonly column: string; readonly kind: Kind; readonly usual: unknown }>> = {
  imdb_id: { column: 'imdb_id', kind: 'text', usual: 'tt0000001' },
  title: { column: 'title', kind: 'text', usual: 'Film' },
  original_title: { column: 'original_title', kind: 'text', usual: 'Le film' },
  original_language: { column: 'original_language', kind: 'text', usual: 'fr' },
  status: { column: 'status', kind: 'text', usual: 'Released' },
  release_date: { column: 'release_date', kind: 'date', usual: '2025-01-01' },
  runtime: { column: 'runtime_minutes', kind: 'whole number', usual: 100 },
  budget: { column: 'budget_usd', kind: 'whole number', usual: 20_000_000 },
  revenue: { column: 'revenue_usd', kind: 'whole number', usual: 30_000_000 },
  popularity: { column: 'popularity', kind: 'fraction', usual: 5.5 },
  vote_average: { column: 'vote_average', kind: 'vote', usual: 6.5 },
  vote_count: { column: 'vote_count', kind: 'whole number', usual: 400 },
  adult: { column: 'adult', kind: 'flag', usual: false },
  video: { column: 'video', kind: 'flag', usual: false },
  softcore: { column: 'softcore', kind: 'flag', usual: false },
  poster_path: { column: 'poster_path', kind: 'text', usual: '/poster.jpg' },
  overview: { column: 'overview', kind: 'text', usual: 'A film.' },
  tagline: { column: 'tagline', kind: 'text', usual: 'See it.' },
  genres: { column: '_genres', kind: 'list', usual: [{ id: 18, name: 'Drama' }] },
  production_companies: { column: '_production_companies', kind: 'list', usual: [{ id: 7, name: 'Studio' }] },
  production_countries: {
    column: '_production_countries',
    kind: 'list',
    usual: [{ iso_3166_1: 'FR', name: 'France' }],
  },
  spoken_languages: { column: '_spoken_languages', kind: 'list', usual: [{ iso_639_1: 'fr', english_name: 'French' }] },
  belongs_to_collection: { column: 'collection', kind: 'object', usual: { id: 1, name: 'Films' } },
};

/** JSON of each type, and the kinds of field that can use it. All other kinds must report it as unusable. */
const values: readonly (readonly [json: string, usableBy: readonly Kind[]])[] = [
  ['{}', ['object']],
  ['{"a":1}', ['object']],
  ['{"id":18,"name":"Drama"}', ['object']],
  ['{"a":{"b":[1]}}', ['object']],
  ['[]', ['list']],
  ['"words"', ['text']],
  ['"[1]"', ['text']],
  ['"{}"', ['text']],
  ['"[{\\"id\\":18}]"', ['text']],
  ['"12"', ['text', 'whole number', 'fraction']],
  ['"-12"', ['text']],
  ['"true"', ['text', 'flag']],
  ['7', ['whole number', 'fraction', 'vote']],
  ['-7', []],
  ['1.5', ['fraction', 'vote']],
  ['99999999999999999999', []],
  ['99999999999', []],
  ['true', ['flag']],
  ['false', ['flag']],
];
/** A whole number that fits a wide column but not a narrow one; a count or score that cannot be true. */
const fitsWide = { json: '99999999999', fields: ['budget', 'revenue'] };

/** Elements of a list, and whether they are usable in it. */
const elements: readonly (readonly [json: string, isUsable: boolean])[] = [
  ['{"id":18,"name":"Drama"}', true],
  ['{"id":"18","name":"Drama"}', true],
  ['{"id":18,"name":null}', true],
  ['{"id":18,"name":""}', true],
  ['{"id":18}', true],
  ['{"name":"no id"}', false],
  ['{"id":null,"name":"null"}', false],
  ['{"id":0,"name":"zero"}', false],
  ['{"id":-1,"name":"negative"}', false],
  ['{"id":"words"}', false],
  ['{"id":1.5}', false],
  ['{"id":{}}', false],
  ['{"id":[18]}', false],
  ['{"id":true}', false],
  ['{"id":99999999999999999999}', false],
  ['{"id":18,"name":7}', false],
  ['{"id":18,"name":{"en":"Drama"}}', false],
  ['{"id":18,"name":["Drama"]}', false],
  ['{"id":18,"name":true}', false],
  ['7', false],
  ['"Drama"', false],
  ['null', false],
  ['true', false],
  ['{}', false],
  ['[]', false],
  ['[[{"id":18}]]', false],
];

/** Elements of a list whose members have a code of two letters, and whether they are usable in it. */
const elementsWithCode: readonly (readonly [json: string, isUsable: boolean])[] = [
  ['{"iso_3166_1":"DE","iso_639_1":"de","name":"","english_name":null}', true],
  ['{"iso_3166_1":"DE","iso_639_1":"de"}', true],
  ['{"iso_3166_1":"DE","iso_639_1":"de","name":7}', false],
  ['{"iso_3166_1":"DEU","iso_639_1":"deu","name":"Deutsch"}', false],
  ['{"iso_3166_1":"","iso_639_1":"","name":"Deutsch"}', false],
  ['{"iso_3166_1":49,"iso_639_1":49,"name":"Deutsch"}', false],
  ['{"iso_3166_1":null,"iso_639_1":null}', false],
  ['{"name":"no code"}', false],
  ['"DE"', false],
  ['null', false],
  ['[]', false],
];

/** A document with one unusual value, and the expected result in SILVER. */
export interface WrongType {
  readonly record: MovieRecord;
  /** The expected `unusable_fields`. */
  readonly unusable: string | null;
  /** The column of the field. */
  readonly column: string;
  /** The other columns, which must be the same as without the unusual value. */
  readonly others: readonly string[];
}

/** Every field with a value of every type, and every list with every odd element, one per document. */
export function wrongTypes(firstId: number): WrongType[] {
  const ofFields = Object.entries(fields).flatMap(([field, { kind }]) =>
    values.map(([json, usableBy]) => {
      const isUsable = usableBy.includes(kind) || (json === fitsWide.json && fitsWide.fields.includes(field));
      return { field, json, unusable: isUsable ? null : `${field} ` };
    }),
  );
  const nested = ['genres', 'production_companies'].flatMap((field) =>
    elements.map(([json, isUsable]) => ({
      field,
      json: `[${json},{"id":35,"name":"Comedy"}]`,
      unusable: isUsable ? null : `${field}[] `,
    })),
  );
  const coded = ['production_countries', 'spoken_languages'].flatMap((field) =>
    elementsWithCode.map(([json, isUsable]) => ({
      field,
      json: `[${json},{"iso_3166_1":"IT","iso_639_1":"it","name":"Italy"}]`,
      unusable: isUsable ? null : `${field}[] `,
    })),
  );
  return [...ofFields, ...nested, ...coded, ...nameless].map(({ field, json, unusable }, index) => ({
    record: { movieId: firstId + index, body: documentWith(firstId + index, field, json), fetchedAt: index },
    unusable,
    column: fields[field]?.column ?? field,
    others: Object.entries(fields).flatMap(([other, { column }]) =>
      // SILVER reads the vote average only if there are votes.
      other === field || (field === 'vote_count' && other === 'vote_average') ? [] : column,
    ),
  }));
}

/** A collection whose name is no text. */
const nameless = ['7', '{}', '["Films"]', 'true'].map((json) => ({
  field: 'belongs_to_collection',
  json: `{"name":${json}}`,
  unusable: 'belongs_to_collection.name ',
}));

/** The text of a document whose `field` is `json`. */
function documentWith(id: number, field: string, json: string): string {
  const usual = Object.entries(fields).map(([key, value]) => [key, JSON.stringify(value.usual)] as const);
  const members = [['id', String(id)] as const, ...usual].map(
    ([key, text]) => `"${key}":${key === field ? json : text}`,
  );
  return `{${members.join(',')}}`;
}

/** A document in which every field has a usual value. */
export const usualDocument = (movieId: number): MovieRecord => ({
  movieId,
  body: documentWith(movieId, '', ''),
  fetchedAt: 0,
});
