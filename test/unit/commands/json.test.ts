import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commandsByWords } from '../../../commands/index.ts';
import { jsonPage, nonNull, schemaFiles } from '../../generated-pages/json.ts';
import { commandOutputs, errorStreamLines, type JsonSchema } from '../../generated-pages/json-shapes.ts';

const docs = join(import.meta.dirname, '../../../docs');

/** Each key of a schema with its path, in objects and lists below it as well. */
function keysOf({ properties = {}, items, anyOf = [] }: JsonSchema, path: string): [path: string, JsonSchema][] {
  const own = Object.entries(properties).flatMap(([key, schema]): [string, JsonSchema][] => [
    [`${path}.${key}`, schema],
    ...keysOf(schema, `${path}.${key}`),
  ]);
  return [...own, ...(items ? keysOf(items, `${path}[]`) : []), ...anyOf.flatMap((schema) => keysOf(schema, path))];
}

const types = ['string', 'integer', 'number', 'boolean', 'object', 'array'];

/** What is wrong with a key, or undefined. */
function mistakeOf(path: string, property: JsonSchema): string | undefined {
  const key = path.split('.').at(-1) ?? '';
  const schema = nonNull(property);
  const isTime = schema.format === 'date-time';
  if (!/^[a-z][a-z0-9]*(?:[A-Z][a-z0-9]*)*$/.test(key)) return `${path} is not in camelCase`;
  if (!types.includes(String(schema.type))) return `${path} has no type`;
  if (schema.type === 'object' && !schema.properties) return `${path} has no keys`;
  if (!(property.description ?? schema.description)) return `${path} has no description`;
  if (isTime !== /(?:At|Timestamp|^time)$/.test(key)) return `${path}: times, and only times, end in At or Timestamp`;
  if (isTime && schema.pattern !== 'Z$') return `${path} is not in UTC`;
  return undefined;
}

describe('the shapes of JSON outputs', async () => {
  const all = [...(await commandOutputs()), ...errorStreamLines];

  it('are there for each command with --json, which is every command except `up` and `dashboard`, which serve, and two for a person', () => {
    const without = [...commandsByWords].filter(([, { options }]) => !('json' in options)).map(([words]) => words);
    expect(without).toEqual(['up', 'dashboard', 'completion', 'man']);
    expect(all).toHaveLength(commandsByWords.size - without.length + errorStreamLines.length);
  });

  it('are compared with a real output of each command by the tests of the command line', () => {
    const tests = readFileSync(join(import.meta.dirname, '../../e2e/cli.test.ts'), 'utf8');
    const compared = [...tests.matchAll(/\bjson\('([a-z -]+)'|checkOutput\(\['([a-z]+)'\]/g)].map(([, a, b]) => a ?? b);
    expect(new Set(compared)).toEqual(
      new Set([...commandsByWords].flatMap(([words, { shape }]) => (shape ? words : []))),
    );
  });

  it.each(all)('$name: an object whose keys are in camelCase, described, and typed; times are in UTC', ({ schema }) => {
    expect(schema.type).toBe('object');
    const keys = keysOf(schema, '');
    expect(keys.length).toBeGreaterThan(0);
    expect(keys.map(([path, property]) => mistakeOf(path, property)).filter(Boolean)).toEqual([]);
  });

  it('reports keys that break these rules', () => {
    const described = { description: 'x', type: 'string' };
    expect(mistakeOf('.a.loaded_at', described)).toContain('camelCase');
    expect(mistakeOf('.loadedAt', described)).toContain('times');
    expect(mistakeOf('.day', { ...described, format: 'date-time', pattern: 'Z$' })).toContain('times');
    expect(mistakeOf('.loadedAt', { ...described, format: 'date-time' })).toContain('UTC');
    expect(mistakeOf('.rows', { description: 'x' })).toContain('type');
    expect(mistakeOf('.rows', { type: 'object', description: 'x' })).toContain('keys');
    expect(mistakeOf('.rows', { type: 'integer' })).toContain('description');
  });
});

describe('the pages that are written from the shapes', () => {
  it('docs/json.md is up to date: otherwise run npm run docs', async () => {
    expect(readFileSync(join(docs, 'json.md'), 'utf8')).toBe(await jsonPage());
  });

  it('docs/json is up to date: otherwise run npm run docs', async () => {
    const files = readdirSync(join(docs, 'json')).map(
      (file) => [file, readFileSync(join(docs, 'json', file), 'utf8')] as const,
    );
    expect(new Map(files)).toEqual(await schemaFiles());
  });
});
