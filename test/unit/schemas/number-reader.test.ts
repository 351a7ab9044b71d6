import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { numberReader } from '../../../schemas/number-reader.ts';

const idOf = numberReader('id');
const read = (document: string) => idOf(Buffer.from(document));

describe('the reader of one number', () => {
  it.each<[string, number | undefined]>([
    ['{"id":603}', 603],
    [' \n{ "id" :\t603 }', 603],
    ['{"adult":false,"genres":[{"id":18,"name":"Drama"}],"id":603,"production_companies":[{"id":5}]}', 603],
    ['{"a":1,"id":603}', 603],
    ['{"id":603.0}', 603],
    ['{"id":6.03e2}', 603],
    ['{"id":-7}', -7],
    ['{"\\u0069d":603}', 603],
    ['{"\\u0069\\u0064":603,"title":"\\u00e9"}', 603],
    ['{"title":"\\u00e9","genres":[{"id":1}],"id":603}', 603],
    ['{"id":603,"id":603}', 603],
    ['{"id":603,"id":604}', Number.NaN],
    ['{"id":604,"x":[{"id":1}],"id":603}', Number.NaN],
    ['{"id":603,"\\u0069d":604}', Number.NaN],
    ['{"id":"603"}', Number.NaN],
    ['{"id":null}', Number.NaN],
    ['{"id":true}', Number.NaN],
    ['{"id":[603]}', Number.NaN],
    ['{"id":{"id":603}}', Number.NaN],
    ['{}', undefined],
    ['{"x":{"id":603}}', undefined],
    ['{"x":{"name":"y","id":603}}', undefined],
    ['{"x":[[{"name":"y", "id":603}]]}', undefined],
    ['{"x":"id","ID":603," id":603,"id ":603}', undefined],
    ['{"x":"\\"id\\":603"}', undefined],
    ['{"x":"{\\"id\\":603"}', undefined],
    ['{"x":"\\\\","id":603}', 603],
    ['{"id":60', undefined],
    ['{"id":', undefined],
  ])('reads %s as %s', (document, expected) => {
    expect(read(document)).toEqual(expected);
  });

  it('[R76] reads the same as JSON.parse in any object with unique keys', () => {
    const key = fc.oneof(
      fc.constantFrom('id', 'title', 'Id', 'i', '"id"', '\\id', '{"id":1'),
      fc.string({ unit: 'binary' }),
    );
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        fc.oneof(
          fc.integer(),
          fc.double({ noNaN: true, noDefaultInfinity: true }),
          fc.string({ unit: 'binary' }),
          fc.constant(null),
        ),
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(key, tie('tree'), { maxKeys: 4 }),
      ),
    }));
    const space = fc.constantFrom(undefined, 1, 2, '\t');
    fc.assert(
      fc.property(fc.dictionary(key, tree, { maxKeys: 6 }), space, fc.boolean(), (object, indent, isEscaped) => {
        const text = JSON.stringify(object, null, indent);
        const document = isEscaped ? text.replaceAll('"id":', '"\\u0069\\u0064":') : text;
        const { id } = JSON.parse(document) as { id?: unknown };
        const expected = !Object.hasOwn(object, 'id') ? undefined : typeof id === 'number' ? id : Number.NaN;
        expect(read(document)).toEqual(expected);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['a long run of white space', `{${' '.repeat(1e6)}"id":1}`],
    ['many keys', `{${'"id" '.repeat(2e5)}}`],
    ['many objects', `{"a":[${'{"id":1},'.repeat(1e5)}1],"id":1}`],
    ['many levels', '{"id":'.repeat(2e5)],
    ['an endless text', `{"${'\\'.repeat(1e6)}`],
    ['endless escapes', `{${'"\\u0069d":1,'.repeat(7e4)}}`],
  ])('scans 1 MB of %s once', (_, document) => {
    const bytes = Buffer.from(document);
    const started = process.cpuUsage();
    idOf(bytes);
    const { user } = process.cpuUsage(started);
    // Quadratic work would take minutes.
    expect(user).toBeLessThan(20_000_000);
  });
});
