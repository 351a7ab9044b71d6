import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { floors, productFolders } from '../support/product-folders.ts';

const root = join(import.meta.dirname, '../..');

/** Each SDK has one home; every other folder uses the interface beside it. */
const homeOf: Readonly<Record<string, string>> = {
  kafkajs: 'kafka/',
  undici: 'tmdb/',
  'p-queue': 'tmdb/',
  '@duckdb/node-api': 'warehouse/duckdb/',
  '@duckdb/node-bindings': 'warehouse/duckdb/',
  '@redis/client': 'tmdb/token-bucket/',
  'snowflake-sdk': 'warehouse/snowflake/',
  pino: 'runtime/logger.ts',
  'prom-client': 'runtime/metrics.ts',
  avsc: 'schemas/',
  commander: 'commands/',
  echarts: 'dashboard/charts/',
};

/** Packages that every folder may use: a library for schemas, and one for cron patterns. */
const everywhere = ['zod', 'croner'];

/** The only file that may load the inside of an SDK: it names the version that it knows. */
const internals = 'kafka/kafkajs-internals.ts';

const limits = { linesOfFile: 400, medianLines: 110, shareOfFolder: 0.25 };

/** Text by path from the project folder. */
type Sources = ReadonlyMap<string, string>;

interface Import {
  readonly from: string;
  readonly to: string;
}

const importsOf = (sources: Sources): Import[] =>
  [...sources].flatMap(([from, text]) =>
    [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, target = '']) => ({
      from,
      to: target.startsWith('.') ? normalize(join(dirname(from), target)) : target,
    })),
  );

const folderOf = (file: string): string => file.split('/')[0] ?? '';

const floorOf = (file: string): number => floors.findIndex((floor) => floor.includes(folderOf(file)));

function isUpward({ from, to }: Import): boolean {
  if (!to.endsWith('.ts') || folderOf(from) === folderOf(to)) return false;
  return floorOf(to) <= floorOf(from);
}

const packageOf = (target: string): string => target.split('/', target.startsWith('@') ? 2 : 1).join('/');

function isAwayFromHome({ from, to }: Import): boolean {
  const home = homeOf[packageOf(to)];
  return home !== undefined && !from.startsWith(home);
}

/** Files of `kafka/` whose exports may hold types of kafkajs: nothing outside may import them, so that features see only our types. */
const vendorFiles = (imports: readonly Import[]): Set<string> =>
  new Set(imports.filter(({ to }) => packageOf(to) === 'kafkajs').map(({ from }) => from));

/** Text that reaches into an SDK: a path inside the package, a symbol of an object, or the prototype of a loaded class. */
const reachesInside = ([file, text]: [string, string]): boolean =>
  file !== internals && /['`](?:kafkajs|snowflake-sdk|undici|avsc)\/|getOwnPropertySymbols|createRequire/.test(text);

/** Import cycles, including type imports. Each cycle is listed once, by its first file. */
function circles(imports: readonly Import[]): string[] {
  const targets = Map.groupBy(imports, ({ from }) => from);
  const reaches = (file: string, goal: string, seen: Set<string>): boolean =>
    (targets.get(file) ?? []).some(({ to }) => {
      if (to === goal) return true;
      if (seen.has(to)) return false;
      seen.add(to);
      return reaches(to, goal, seen);
    });
  return [...targets.keys()].filter((file) => reaches(file, file, new Set()));
}

const linesOf = (text: string): number => text.split('\n').length - 1;

function sizeComplaints(sources: Sources): string[] {
  const lines = [...sources].map(([file, text]) => ({ file, lines: linesOf(text) }));
  const total = lines.reduce((sum, file) => sum + file.lines, 0);
  const sorted = lines.map((file) => file.lines).toSorted((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const folders = [...Map.groupBy(lines, ({ file }) => folderOf(file))].map(([folder, files]) => ({
    folder,
    share: files.reduce((sum, file) => sum + file.lines, 0) / total,
  }));
  return [
    ...lines.filter((file) => file.lines > limits.linesOfFile).map(({ file }) => `${file}: too long`),
    ...folders.filter(({ share }) => share > limits.shareOfFolder).map(({ folder }) => `${folder}: too large`),
    ...(median > limits.medianLines ? [`median of ${median} lines`] : []),
  ];
}

function complaints(sources: Sources): string[] {
  const imports = importsOf(sources);
  const vendor = vendorFiles(imports);
  return [
    ...[...sources.keys()].filter((file) => floorOf(file) < 0).map((file) => `${file}: on no floor`),
    ...imports.filter(isUpward).map(({ from, to }) => `${from} -> ${to}: not below`),
    ...imports.filter(isAwayFromHome).map(({ from, to }) => `${from} -> ${to}: away from its home`),
    ...imports
      .filter(({ from, to }) => vendor.has(to) && folderOf(from) !== folderOf(to))
      .map(({ from, to }) => `${from} -> ${to}: has types of kafkajs`),
    ...[...sources].filter(reachesInside).map(([file]) => `${file}: reaches inside an SDK`),
    ...circles(imports).map((file) => `${file}: in a circle`),
    ...sizeComplaints(sources),
  ];
}

/** Folders of the product. A folder that is in neither list makes the test fail. */
const elsewhere = ['bench', 'data', 'dbt', 'deploy', 'docs', 'node_modules', 'scripts', 'test', 'coverage'];

function read(): Sources {
  const entries = readdirSync(root, { withFileTypes: true }).filter(
    (entry) => !entry.name.startsWith('.') && !elsewhere.includes(entry.name) && !entry.name.endsWith('.config.ts'),
  );
  const files = entries.flatMap((entry) =>
    entry.isDirectory()
      ? readdirSync(join(root, entry.name), { recursive: true, encoding: 'utf8' }).map((f) => join(entry.name, f))
      : [entry.name],
  );
  return new Map(
    files.filter((file) => file.endsWith('.ts')).map((file) => [file, readFileSync(join(root, file), 'utf8')]),
  );
}

describe('the architecture', () => {
  const sources = read();

  it('has imports that point down, each SDK in one place, no import cycle, and small files', () => {
    expect(importsOf(sources).length).toBeGreaterThan(500);
    expect(complaints(sources)).toEqual([]);
  });

  it.each([
    [
      'a folder that imports from a higher layer',
      'kafka/x.ts',
      "import { a } from '../consumers/loader.ts';",
      'not below',
    ],
    ['a stage that imports a neighbour', 'consumers/x.ts', "import { a } from '../producers/popular.ts';", 'not below'],
    ['an SDK away from its home', 'consumers/x.ts', "import { Kafka } from 'kafkajs';", 'away from its home'],
    ['a part of an SDK away from its home', 'consumers/x.ts', "import x from 'kafkajs/src/x';", 'away from its home'],
    [
      'a feature that gets a type of kafkajs',
      'consumers/x.ts',
      "import type { Kafka } from '../kafka/client.ts';",
      'has types of kafkajs',
    ],
    ['a file that reaches inside an SDK', 'kafka/x.ts', "load('kafkajs/src/x');", 'reaches inside an SDK'],
    ['a circle', 'runtime/x.ts', "import type { A } from './x.ts';", 'in a circle'],
    ['a long file', 'runtime/x.ts', '\n'.repeat(401), 'too long'],
    ['a large folder', 'runtime/x.ts', '\n'.repeat(50_000), 'too large'],
    ['a folder without a floor', 'lib/x.ts', '', 'on no floor'],
  ])('reports %s', (_, file, text, complaint) => {
    const found = complaints(new Map([...sources, [file, text]]));
    expect(found.filter((each) => each.includes(complaint))).not.toEqual([]);
    expect(found.every((each) => each.startsWith(file) || each.startsWith(folderOf(file)))).toBe(true);
  });

  it('has one home for each SDK', () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { dependencies: object };
    expect([...Object.keys(homeOf), ...everywhere].toSorted()).toEqual(Object.keys(dependencies).toSorted());
  });

  it('builds the names of topics and of groups in one place each, which adds the prefix', () => {
    const name =
      /['"](?:tmdb\.(?:movie-ids|raw-movies|raw-genres|producer-state|dead-letters|fetcher|loader|replay-raw)|movie-details|bronze-loader)\b/;
    const files = [...sources.keys()].filter((file) => name.test(sources.get(file) ?? ''));
    expect(files).toEqual(['schemas/topic-names.ts']);
    const groups = [...sources].filter(([, text]) =>
      /\$\{prefix\}\S*(?:serviceNames|movie-details|bronze-loader)/.test(text),
    );
    expect(groups.map(([file]) => file)).toEqual(['kafka/groups.ts']);
  });

  it('reads the environment in one place', () => {
    const readers = [...sources.keys()].filter((file) => /process\.env\b/.test(sources.get(file) ?? ''));
    expect(readers).toEqual(['platform/config.ts']);
  });

  it('is described folder by folder in ARCHITECTURE.md', () => {
    const text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');
    expect(productFolders.filter((folder) => !text.includes(`| \`${folder}/\` |`))).toEqual([]);
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

  it('opens Kafka with the client of the product, which never sets a timer with a negative delay', () => {
    const constructed = ['new', 'Kafka('].join(' ');
    const makers = files.filter((file) => readFileSync(join(root, 'test', file), 'utf8').includes(constructed));
    expect(makers).toEqual([]);
  });
});
