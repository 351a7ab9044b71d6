import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Model, ModelColumn, ModelsFile } from '../../dashboard/definitions.ts';
import { readYamlFiles, root } from '../support/deploy/project.ts';
import { docsBlocks } from './docs-blocks.ts';

/** dbt/models.json, which `npm run docs` writes from the dbt project, so that the dashboard needs no dbt. */

type YamlTest = string | { readonly [name: string]: { readonly name?: string; readonly arguments?: YamlArguments } };

interface YamlArguments {
  readonly to?: string;
  readonly field?: string;
  readonly values?: readonly unknown[];
  readonly expression?: string;
  readonly combination?: readonly string[];
}

interface YamlModel {
  readonly name: string;
  readonly description: string;
  readonly columns: readonly {
    readonly name: string;
    readonly data_type?: string;
    readonly description: string;
    readonly constraints?: readonly { readonly type: string }[];
    readonly data_tests?: readonly YamlTest[];
  }[];
  readonly data_tests?: readonly YamlTest[];
}

interface YamlFile {
  readonly models?: readonly YamlModel[];
  readonly unit_tests?: readonly { readonly name: string; readonly model: string; readonly description?: string }[];
  readonly exposures?: readonly {
    readonly label: string;
    readonly description: string;
    readonly owner: { readonly name: string };
    readonly depends_on: readonly string[];
  }[];
  readonly groups?: readonly { readonly name: string; readonly owner: { readonly name: string } }[];
}

/** `dbt_project.yml`, as far as it is read here. */
interface YamlProject {
  readonly models: { readonly tmdb_stream: Readonly<Record<string, { readonly '+group': string }>> };
}

const dbt = join(root, 'dbt');
const layers = ['gold', 'silver'] as const;

const filesIn = (folder: string, ending: string): string[] =>
  readdirSync(join(dbt, folder))
    .filter((file) => file.endsWith(ending))
    .toSorted()
    .map((file) => `dbt/${folder}/${file}`);

/** A text on one line, with the blocks that it names. @throws if it has another expression of dbt. */
function plain(text: string, blocks: ReadonlyMap<string, string>): string {
  const filled = text
    .replace(/{{ doc\('(\w+)'\) }}/g, (_, name: string) => blocks.get(name) ?? `{{ no block ${name} }}`)
    .replace(/{{ ref\('(\w+)'\) }}/g, '$1');
  if (filled.includes('{{')) throw new Error(`dbt/models.json cannot show: ${filled}`);
  return filled.replaceAll(/\s+/g, ' ').trim();
}

const code = (text: unknown): string => `\`${text}\``;

const refs = (text: string): string[] => [...text.matchAll(/ref\('(\w+)'\)/g)].map(([, name = '']) => name);

/** What a test of dbt demands, in words. @throws for a kind of test that has none yet. */
function demandOf(test: YamlTest, blocks: ReadonlyMap<string, string>): string {
  const [kind, given] = typeof test === 'string' ? [test, {}] : (Object.entries(test)[0] ?? ['', {}]);
  const { to = '', field = '', values = [], expression = '', combination = [] } = given.arguments ?? {};
  const demands: Readonly<Record<string, () => string>> = {
    unique: () => 'unique',
    not_null: () => 'never NULL',
    relationships: () => `in ${code(field)} of ${code(refs(to)[0])}`,
    accepted_values: () => `one of ${values.map(code).join(', ')}`,
    expression_is_true: () => code(plain(expression, blocks)),
    unique_combination_of_columns: () => `one row for each combination of ${combination.map(code).join(', ')}`,
  };
  const demand = demands[kind];
  if (!demand) throw new Error(`dbt/models.json has no words for the test ${kind}`);
  return demand();
}

/** Warehouses name the type of a time differently, so it is an expression of dbt. */
const typeOf = (type: string | undefined): string | null =>
  type === undefined ? null : type.includes('timestamp') ? 'timestamp' : type;

function columnOf(column: YamlModel['columns'][number], blocks: ReadonlyMap<string, string>): ModelColumn {
  const { name, data_type: type, description, constraints = [], data_tests: tests = [] } = column;
  const enforced = constraints.map((constraint) => demandOf(constraint.type, blocks));
  return {
    ...{ name, type: typeOf(type), description: plain(description, blocks) },
    tests: [...new Set([...enforced, ...tests.map((test) => demandOf(test, blocks))])],
  };
}

const grainSentence = /Grain: (.*?\.)(?= |$)/;

/** The comment at the top of a test's file. */
const commentOf = (sql: string): string =>
  (/^(?:-- .*\n)+/.exec(sql)?.[0] ?? '').replaceAll(/^-- /gm, '').replaceAll('\n', ' ').trim();

/** The content of dbt/models.json. @throws if a model has no grain, or something has no words. */
function modelsFile(): ModelsFile {
  const sources = layers.flatMap((layer) => filesIn(`models/${layer}`, '.yml').map((file) => ({ layer, file })));
  const [project, groupsFile, exposuresFile, ...contents] = readYamlFiles<YamlFile & YamlProject>([
    ...['dbt/dbt_project.yml', 'dbt/models/groups.yml', 'dbt/models/exposures.yml'],
    ...sources.map(({ file }) => file),
  ]);
  const docs = filesIn('models/docs', '.md').map((file) => readFileSync(join(root, file), 'utf8'));
  const blocks = new Map(docs.flatMap((text) => [...docsBlocks(text)]));
  const exposures = exposuresFile?.exposures ?? [];
  const ownerOf = (layer: Model['layer']): string => {
    const group = groupsFile?.groups?.find(({ name }) => name === project?.models.tmdb_stream[layer]?.['+group']);
    if (!group) throw new Error(`dbt_project.yml gives the folder ${layer} no group`);
    return group.owner.name;
  };
  const unitTests = contents.flatMap((content) => content.unit_tests ?? []);
  const models = sources.flatMap(({ layer }, index) =>
    (contents[index]?.models ?? []).map(({ name, description, columns, data_tests: tests = [] }): Model => {
      const text = plain(description, blocks);
      const [, grain] = grainSentence.exec(text) ?? [];
      if (grain === undefined) throw new Error(`the description of ${name} has no sentence that begins with Grain:`);
      return {
        ...{ name, layer, grain: grain.charAt(0).toUpperCase() + grain.slice(1) },
        description: text.replace(grainSentence, '').replaceAll(/\s+/g, ' ').trim(),
        owner: ownerOf(layer),
        columns: columns.map((column) => columnOf(column, blocks)),
        tests: tests.map((test) => demandOf(test, blocks)),
        unitTests: unitTests
          .filter(({ model }) => model === name)
          .map((test) => ({ name: test.name, description: test.description?.trim() ?? null })),
        exposures: exposures
          .filter(({ depends_on: used }) => used.flatMap(refs).includes(name))
          .map(({ label }) => label),
      };
    }),
  );
  return {
    overview: blocks.get('__overview__') ?? '',
    models: models.toSorted((a, b) => layers.indexOf(a.layer) - layers.indexOf(b.layer) || (a.name < b.name ? -1 : 1)),
    tests: filesIn('tests', '.sql').map((file) => ({
      name: basename(file, '.sql'),
      description: commentOf(readFileSync(join(root, file), 'utf8')),
    })),
    exposures: exposures.map(({ label, description, owner }) => ({
      ...{ label, description: plain(description, blocks), owner: owner.name },
    })),
  };
}

/** The text of dbt/models.json. */
export const modelsText = (): string => `${JSON.stringify(modelsFile(), null, 2)}\n`;
