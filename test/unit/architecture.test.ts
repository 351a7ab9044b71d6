import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** Who may import whom; read it as "left may import right". What is not listed may import nothing of ours. */
const mayImport: Record<string, readonly string[]> = {
  schemas: ['schemas', 'lib/errors.ts'],
  lib: ['lib', 'schemas'],
  producers: ['producers', 'lib', 'schemas'],
  consumers: ['consumers', 'lib', 'schemas'],
  sandbox: ['sandbox', 'lib', 'schemas'],
  pipeline: ['pipeline', 'lib', 'schemas', 'producers', 'consumers', 'sandbox'],
  'cli.ts': ['lib', 'commands'],
  commands: ['commands', 'pipeline', 'lib', 'schemas', 'sandbox'],
};

/** Each SDK has one home; everybody else speaks to the interface beside it. */
const homeOf: Record<string, string> = {
  kafkajs: 'lib/kafka/',
  undici: 'lib/tmdb/',
  'p-queue': 'lib/tmdb/',
  '@duckdb/node-api': 'lib/warehouse/',
  '@duckdb/node-bindings': 'lib/warehouse/',
  '@redis/client': 'lib/token-bucket/',
  'snowflake-sdk': 'lib/warehouse/snowflake/',
  pino: 'lib/logger.ts',
  'prom-client': 'lib/metrics.ts',
  avsc: 'schemas/',
};

interface Import {
  readonly from: string;
  readonly to: string;
}

const sources = (): string[] =>
  ['cli.ts', 'commands', 'pipeline', 'schemas', 'lib', 'producers', 'consumers', 'sandbox'].flatMap((entry) =>
    entry.endsWith('.ts')
      ? [entry]
      : readdirSync(join(root, entry), { recursive: true, encoding: 'utf8' })
          .filter((file) => file.endsWith('.ts'))
          .map((file) => join(entry, file)),
  );

const importsOf = (file: string, text: string): Import[] =>
  [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, target = '']) => ({
    from: file,
    to: target.startsWith('.') ? relative(root, join(root, dirname(file), target)) : target,
  }));

const isWithin = (file: string, place: string): boolean =>
  file === place || file.startsWith(place.endsWith('/') ? place : `${place}/`);

const violations = (imports: readonly Import[]): string[] =>
  imports
    .filter(({ from, to }) => {
      if (!to.endsWith('.ts')) return to in homeOf && !from.startsWith(homeOf[to] ?? '');
      const allowed = mayImport[from.split('/')[0] ?? ''] ?? [];
      return !allowed.some((place) => isWithin(to, place));
    })
    .map(({ from, to }) => `${from} -> ${to}`);

describe('the architecture', () => {
  const read = (file: string) => readFileSync(join(root, file), 'utf8');

  it('has every import point the allowed way, and each SDK at its home', () => {
    const imports = sources().flatMap((file) => importsOf(file, read(file)));
    expect(imports.length).toBeGreaterThan(50);
    expect(violations(imports)).toEqual([]);
  });

  it('would notice a stage that imports another, and an SDK away from home', () => {
    const planted = importsOf(
      'consumers/x.ts',
      `import { a } from '../producers/popular.ts';\nimport { Kafka } from 'kafkajs';`,
    );
    expect(violations(planted)).toEqual(['consumers/x.ts -> producers/popular.ts', 'consumers/x.ts -> kafkajs']);
  });

  it('reads the environment in one place', () => {
    const readers = sources().filter((file) => /process\.env\b/.test(read(file)));
    expect(readers).toEqual(['lib/config.ts']);
  });
});

describe('the code of the tests', () => {
  const files = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  );
  const kinds = ['contract', 'deploy', 'e2e', 'faults', 'integration', 'unit'];

  it('has all support code in test/support', () => {
    const strays = files.filter((file) => kinds.includes(file.split('/')[0] ?? '') && !file.endsWith('.test.ts'));
    expect(strays).toEqual([]);
    expect(files.filter((file) => !file.startsWith('support/') && file.includes('/support/'))).toEqual([]);
  });

  it('opens Kafka with the client of the product, which never sets a timer to a negative time', () => {
    const constructed = ['new', 'Kafka('].join(' ');
    const makers = files.filter((file) => readFileSync(join(root, 'test', file), 'utf8').includes(constructed));
    expect(makers).toEqual([]);
  });
});
