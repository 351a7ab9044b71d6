import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type Relation, relationsOf, type YamlModelNames } from '../support/dbt/relations.ts';
import { read, readYaml, readYamlFiles } from '../support/deploy/project.ts';

const project = join(import.meta.dirname, '../../dbt');
/** For each public model of GOLD its columns with their types, in order. No command writes this file. */
const pinnedFile = 'dbt/gold-columns.json';

type Columns = Readonly<Record<string, readonly string[]>>;
type GoldColumn = { readonly name: string; readonly data_type: string };
type GoldRelation = Relation<GoldColumn>;
type GoldModel = YamlModelNames<GoldColumn>;

const gold = join(project, 'models/gold');
const inGold = (ending: string): string[] => readdirSync(gold).filter((name) => name.endsWith(ending));

/** The tables and views of GOLD. Each build enforces their columns and types. */
const relations: readonly GoldRelation[] = readYamlFiles<{ readonly models?: readonly GoldModel[] }>(
  inGold('.yml').map((name) => join(gold, name)),
).flatMap(({ models = [] }) => models.flatMap(relationsOf));

const columnsOf = (of: readonly GoldRelation[]): Columns =>
  Object.fromEntries(
    of.map(({ name, columns }) => [name, columns.map((column) => `${column.name} ${column.data_type}`)]),
  );

/** What is missing so that `modelsOfGold` finds each relation, and readers of an old version know when it ends. */
const incomplete = (of: readonly GoldRelation[], changelog: string): string[] =>
  of.flatMap(({ name, file, isLatest, deprecationDate: date }) => [
    ...(name === file ? [] : [`${file}.sql makes the relation ${name}: set "defined_in" and "alias" to the same name`]),
    ...(isLatest || date !== null ? [] : [`${name} is an old version: give it a "deprecation_date"`]),
    ...(date === null || changelog.split('\n').some((line) => line.includes(`\`${name}\``) && line.includes(date))
      ? []
      : [`CHANGELOG.md has no line about \`${name}\` with the date ${date}`]),
  ]);

/** What a person must do about each difference. */
function differences(pinned: Columns, actual: Columns): string[] {
  const models = [...new Set([...Object.keys(pinned), ...Object.keys(actual)])].sort();
  return models.flatMap((model) => {
    const [before, after] = [pinned[model] ?? [], actual[model] ?? []];
    const broken = before.filter((column) => !after.includes(column));
    const added = after.filter((column) => !before.includes(column));
    return [
      ...broken.map(
        (column) =>
          `${model}: "${column}" is gone or has another type, which breaks readers: add a version of the model`,
      ),
      ...added.map((column) => `${model}: "${column}" is new: add it to ${pinnedFile}, and a line to CHANGELOG.md`),
    ];
  });
}

it('[P32] GOLD has the pinned columns (CONTRIBUTING.md says how to change them)', () => {
  const pinned = JSON.parse(readFileSync(join(project, 'gold-columns.json'), 'utf8')) as Columns;
  const actual = columnsOf(relations);
  expect(relations.map(({ file }) => `${file}.sql`).sort()).toEqual(inGold('.sql').sort());
  for (const [model, columns] of Object.entries(actual)) expect(columns, `${model} has no columns`).not.toEqual([]);
  expect(differences(pinned, actual)).toEqual([]);
  expect(actual, `the order of columns in ${pinnedFile}`).toEqual(pinned);
});

it('says what to do about a column that is added, removed or of another type', () => {
  const pinned = { fact: ['id bigint', 'title varchar'] };
  expect(differences(pinned, { fact: ['id varchar', 'title varchar', 'runtime integer'] })).toEqual([
    'fact: "id bigint" is gone or has another type, which breaks readers: add a version of the model',
    `fact: "id varchar" is new: add it to ${pinnedFile}, and a line to CHANGELOG.md`,
    `fact: "runtime integer" is new: add it to ${pinnedFile}, and a line to CHANGELOG.md`,
  ]);
  expect(differences(pinned, {})).toHaveLength(2);
});

it('[R167] each version of a model in GOLD has the name of its file, and CHANGELOG.md says when the old one ends', () => {
  expect(incomplete(relations, read('CHANGELOG.md'))).toEqual([]);
  const { vars } = readYaml<{ vars: { removed_from_gold: readonly string[] } }>('dbt/dbt_project.yml');
  expect(relations.filter(({ name }) => vars.removed_from_gold.includes(name))).toEqual([]);
});

it('[R167] a version without the name of its file, its last day or its line in CHANGELOG.md fails the check', () => {
  const column = (name: string) => ({ name, data_type: 'varchar' });
  const old = { v: 1, defined_in: 'dim', columns: [{ include: 'all', exclude: ['label'] }, column('title')] };
  const model = { name: 'dim', latest_version: 2, columns: [column('id'), column('label')] };
  const made = relationsOf<GoldColumn>({ ...model, versions: [old, { v: 2 }] });
  expect(columnsOf(made)).toEqual({ dim_v1: ['id varchar', 'title varchar'], dim_v2: ['id varchar', 'label varchar'] });
  expect(incomplete(made, '')).toEqual([
    'dim.sql makes the relation dim_v1: set "defined_in" and "alias" to the same name',
    'dim_v1 is an old version: give it a "deprecation_date"',
  ]);
  const named = { ...old, config: { alias: 'dim' }, deprecation_date: '2027-03-31' };
  const complete = relationsOf<GoldColumn>({ ...model, versions: [named, { v: 2 }] });
  const missing = 'CHANGELOG.md has no line about `dim` with the date 2027-03-31';
  expect(incomplete(complete, '- `dim` was renamed.')).toEqual([missing]);
  expect(incomplete(complete, '- `dim` ends on 2027-03-31: use `dim_v2`.')).toEqual([]);
});

it('[P32] each incremental model fails when its columns change without a full refresh, unless it says what happens', () => {
  expect(readFileSync(join(project, 'dbt_project.yml'), 'utf8')).toMatch(/^ {4}\+on_schema_change: fail$/m);
  const models = readdirSync(join(project, 'models'), { recursive: true, encoding: 'utf8' });
  const others = models.filter(
    (name) => name.endsWith('.sql') && readFileSync(join(project, 'models', name), 'utf8').includes('on_schema_change'),
  );
  expect(others).toEqual([]);
});
