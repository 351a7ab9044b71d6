import fc from 'fast-check';

/** A document as a list of texts, so that a test knows the value of each key: `[key, JSON]`; keys may repeat. */
export type Fields = readonly (readonly [key: string, json: string])[];

/** Texts that an editor may write into a title. */
const oddTexts = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\u2028\u2029',
  '\u202e reversed \u202c',
  '\ufeff',
  '\u0065\u0301 and \u00e9',
  '👩‍👩‍👧‍👦 🏳️‍🌈 𝒳 𐐷',
  '\\ud800 \\u0000 \\',
  "'); drop table bronze.raw_movies; --",
  '"; delete from silver.silver_movies; --',
  '$1 ? :title %s %(id)s',
  '{{ config(materialized="table") }}{% do run_query("drop schema gold cascade") %}{#',
  '=cmd|calc!A1',
  'a,"b";\tc\r\nd\ne',
  '</script><img src=x onerror=alert(1)>',
  '\u001b[2J\u001b]0;title\u0007\u009b31m',
  '\r{"level":60,"msg":"forged"}\n',
  'null',
  'NaN',
];

/** A lone surrogate is not a character. A document with one is parked as a whole, so there are few of them. */
const halves = fc.oneof(
  fc.constantFrom('half \ud83d', '\udc00 half', '\ud83d\ud83d\ude00'),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 6 }).map((units) => String.fromCharCode(...units)),
);

const text = fc.oneof(
  { weight: 24, arbitrary: fc.constantFrom(...oddTexts) },
  { weight: 8, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
  { weight: 1, arbitrary: halves },
);

/** As JSON, with escapes only where they are needed, or for every character beyond ASCII. */
const textJson = fc.tuple(text, fc.boolean()).map(([value, isAscii]) => {
  const json = JSON.stringify(value);
  const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return isAscii ? json.replaceAll(/[^ -~]/g, escaped) : json;
});

const numberJson = fc.oneof(
  fc.constantFrom(
    ...[
      '0',
      '-0',
      '1',
      '-1',
      '1.5',
      '1.0',
      '1e3',
      '1E+2',
      '136',
      '10',
      '7.25',
      '11',
      '63000000',
      '1e400',
      '-1e400',
      '5e-324',
    ],
    ...['9007199254740991', '9007199254740993', '9007199254740993.0', '2147483647', '2147483648', '0.1', '1e-7'],
    ...['9223372036854775807', '9223372036854775808', '-9223372036854775809', '18446744073709551616', '1000000001'],
  ),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
);

const dateJson = fc.oneof(
  fc
    .constantFrom(
      ...[
        '0000-00-00',
        '0001-01-01',
        '9999-12-31',
        '1582-10-10',
        '1873-12-31',
        '1874-01-01',
        '1895-12-28',
        '1899-12-31',
      ],
      ...[
        '2024-02-29',
        '2023-02-29',
        '1900-02-29',
        '2000-02-29',
        '2100-12-31',
        '2101-01-01',
        '2024-13-01',
        '2024-04-31',
      ],
      ...['', ' ', '20240101', '2024-1-1', '2024-01-01T00:00:00Z', '+2024-01-01', 'infinity', 'epoch', '٢٠٢٤-٠١-٠١'],
      ...['2024-03-10', '2024-11-03', '2011-12-30', '1994-12-31', '-024-01-01'],
    )
    .map((day) => JSON.stringify(day)),
  fc
    .date({ min: new Date('1850-01-01'), max: new Date('2150-01-01'), noInvalidDate: true })
    .map((day) => `"${day.toISOString().slice(0, 10)}"`),
);

/** Values of wrong types: TMDb's fields change without notice. */
const driftJson = fc.oneof(
  fc.constantFrom(
    'null',
    'true',
    '{}',
    '[]',
    '[null]',
    '{"__proto__":{"polluted":true}}',
    '[[[]]]',
    '"12"',
    '" 12 "',
    '"1.5"',
    '"0x10"',
  ),
  textJson,
  numberJson,
);

const listJson = fc.oneof(
  fc
    .array(fc.tuple(fc.constantFrom('18', '28', '-1', '"18"', 'null', '1.5', '9223372036854775808'), textJson), {
      maxLength: 3,
    })
    .map((members) => `[${members.map(([id, name]) => `{"id":${id},"name":${name},"origin_country":""}`).join(',')}]`),
  fc.constantFrom(
    '[1,"a",null,[],{}]',
    '[{"id":18,"name":"Drama"},{"id":18,"name":"Drama again"}]',
    '{"id":18}',
    'null',
  ),
);

const fieldOf = (key: string, value: fc.Arbitrary<string>): fc.Arbitrary<readonly [string, string]> =>
  fc.oneof({ weight: 6, arbitrary: value }, { weight: 1, arbitrary: driftJson }).map((json) => [key, json] as const);

const anyField = fc.oneof(
  ...['title', 'original_title', 'original_language', 'status', 'imdb_id'].map((key) => fieldOf(key, textJson)),
  ...['budget', 'revenue', 'runtime', 'popularity', 'vote_average', 'vote_count'].map((key) =>
    fieldOf(key, numberJson),
  ),
  fieldOf('release_date', dateJson),
  ...['genres', 'production_companies'].map((key) => fieldOf(key, listJson)),
  fc
    .tuple(
      fc.oneof(fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'id', ''), text),
      driftJson,
    )
    .map(([key, json]) => [key, json] as const),
);

/** A document that is JSON, whatever its values. */
const fields: fc.Arbitrary<Fields> = fc.array(anyField, { minLength: 1, maxLength: 14, size: 'max' });

const blank = fc.constantFrom('', '', ' ', '\n\t', '\r\n');

export const toText = (all: Fields, space = ''): string =>
  `${space}{${all.map(([key, json]) => `${space}${JSON.stringify(key)}:${space}${json}`).join(`${space},`)}${space}}${space}`;

/** Possible damage of a whole body. */
const harm = fc.constantFrom<(body: Buffer, at: number) => Buffer>(
  (body, at) => body.subarray(0, at),
  (body, at) => Buffer.concat([body.subarray(0, at), Buffer.from([0xff, 0xc0, 0x80]), body.subarray(at)]),
  (body, at) => Buffer.concat([body.subarray(0, at), Buffer.from([0xed, 0xa0, 0x80]), body.subarray(at)]),
  (body, at) => Buffer.concat([body.subarray(0, at), Buffer.from([0]), body.subarray(at)]),
  (body) => Buffer.concat([Buffer.from('\ufeff'), body]),
  (body) => Buffer.concat([body, body]),
  (body) => Buffer.concat([Buffer.from('['), body, Buffer.from(']')]),
  (body) => Buffer.from(JSON.stringify(body.toString())),
  (body) => Buffer.concat([body.subarray(0, -1), Buffer.from(',}')]),
  (body) => Buffer.concat([body, Buffer.from('// and a comment')]),
  (body) => Buffer.from(body.toString().replace('{', "{'title':'x',")),
  (body) => Buffer.from(body.toString().replace('{', '{"budget":NaN,')),
  (body) => Buffer.from(body.toString().replace('{', '{"budget":Infinity,')),
  (body) => Buffer.from(body.toString().replace('{', '{"budget":007,')),
  (body) => Buffer.from(body.toString(), 'utf16le'),
);

const damage = fc.oneof(
  { weight: 3, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.tuple(harm, fc.nat(400)) },
);

/** A body, and its fields if it is undamaged. */
export interface Body {
  readonly bytes: Buffer;
  readonly fields: Fields | null;
}

export const bodies: fc.Arbitrary<Body> = fc.tuple(fields, blank, damage).map(([all, space, damaged]) => {
  const bytes = Buffer.from(toText(all, space));
  if (!damaged) return { bytes, fields: all };
  const [harmed, at] = damaged;
  return { bytes: harmed(bytes, at % (bytes.length + 1)), fields: null };
});
