import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { allSettings } from '../../platform/settings.ts';
import { configurationPage, envExample } from '../generated-pages/configuration.ts';
import { settingNamesIn, unknownNamesIn } from '../support/setting-names.ts';

const root = join(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const filesIn = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(root.length + 1));

describe('the pages that are written from the settings', () => {
  it('docs/configuration.md is up to date: otherwise run npm run docs', () => {
    expect(read('docs/configuration.md')).toBe(configurationPage());
  });

  it('.env.example is up to date: otherwise run npm run docs', () => {
    expect(read('.env.example')).toBe(envExample());
  });

  it('docs/configuration.md has one row for each setting, and links to pages that exist', () => {
    const page = read('docs/configuration.md');
    const rows = page.split('\n').flatMap((line) => /^\| `([A-Z_]+)`/.exec(line)?.[1] ?? []);
    expect(rows).toEqual(allSettings.map(({ name }) => name));
    for (const [, link = ''] of page.matchAll(/\]\(([^)]+)\)/g)) {
      const [file = '', heading] = link.split('#');
      const headings = read(join('docs', file || 'configuration.md'))
        .split('\n')
        .flatMap((line) => /^#+ (.*)/.exec(line)?.[1] ?? [])
        .map((title) =>
          title
            .toLowerCase()
            .replaceAll(/[^\w -]/g, '')
            .replaceAll(' ', '-'),
        );
      if (heading !== undefined) expect(headings).toContain(heading);
    }
  });
});

describe('the defaults in the compose files', () => {
  it.each(['docker-compose.yml', 'deploy/snowflake.yml'])('of %s are those of the settings', (file) => {
    const variables = [...read(file).matchAll(/\$\{(\w+):-([^}]*)\}/g)];
    const compared = variables.flatMap(([, name, value = '']) => {
      const setting = allSettings.find((each) => each.name === name);
      if (!setting) return [];
      const { default: text = '', defaultNote = '' } = setting;
      const alternatives = [...defaultNote.matchAll(/`([^`]+)`/g)].map(([, alternative]) => alternative);
      return [{ name, value, isDefault: value === text || alternatives.includes(value) }];
    });
    expect(compared.length).toBeGreaterThan(5);
    expect(compared.filter(({ isDefault }) => !isDefault)).toEqual([]);
  });
});

describe('texts that name settings', () => {
  const files = [
    ...['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md', 'docker-compose.yml', 'Dockerfile'],
    ...filesIn('docs').filter((file) => file.endsWith('.md') && file !== 'docs/configuration.md'),
    // The bundle of Superset has keys of Superset.
    ...filesIn('deploy').filter((file) => !/^deploy\/(?:secrets|superset\/bundle)\//.test(file)),
    ...filesIn('commands'),
  ];

  it.each(files)('%s names only settings that exist', (file) => {
    expect(unknownNamesIn(read(file))).toEqual([]);
  });

  it('are all checked, and an unknown name is found', () => {
    expect(files.length).toBeGreaterThan(60);
    expect(files.flatMap((file) => settingNamesIn(read(file))).length).toBeGreaterThan(100);
    expect(unknownNamesIn('set `TMDB_TOKENS`, KAFKA_BROKER=x and LOAD_MAX_AGE')).toEqual([
      'TMDB_TOKENS',
      'KAFKA_BROKER',
    ]);
  });
});
