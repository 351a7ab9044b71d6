import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const project = join(import.meta.dirname, '../../dbt');
/** For each public model of GOLD its columns with their types, in order. No command writes this file. */
const pinnedFile = 'dbt/gold-columns.json';

type Columns = Readonly<Record<string, readonly string[]>>;

/** The columns of dbt's contracts, which each build enforces. */
function columnsOfContracts(): Columns {
  const folder = join(project, 'models/gold');
  const models: Record<string, string[]> = {};
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.yml'))) {
    const [text = ''] = readFileSync(join(folder, file), 'utf8').split(/^unit_tests:/m);
    for (const model of text.split(/^ {2}- name: /m).slice(1)) {
      const columns = [...model.matchAll(/^ {6}- name: (\w+)\n {8}data_type: (.+)$/gm)];
      const ofAnchor = /^ {4}columns: \*/m.test(model) ? Object.values(models).at(-1) : undefined;
      models[/^\w+/.exec(model)?.[0] ?? ''] = ofAnchor ?? columns.map(([, name, type]) => `${name} ${type}`);
    }
  }
  return models;
}

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
  const actual = columnsOfContracts();
  const sqlFiles = readdirSync(join(project, 'models/gold')).filter((name) => name.endsWith('.sql'));
  expect(Object.keys(actual).sort()).toEqual(sqlFiles.map((name) => name.replace('.sql', '')).sort());
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

it('[P32] each incremental model fails when its columns change without a full refresh, unless it says what happens', () => {
  expect(readFileSync(join(project, 'dbt_project.yml'), 'utf8')).toMatch(/^ {4}\+on_schema_change: fail$/m);
  const models = readdirSync(join(project, 'models'), { recursive: true, encoding: 'utf8' });
  const others = models.filter(
    (name) => name.endsWith('.sql') && readFileSync(join(project, 'models', name), 'utf8').includes('on_schema_change'),
  );
  expect(others).toEqual([]);
});
