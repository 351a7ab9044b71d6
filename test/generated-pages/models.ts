import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Model, ModelColumn, ModelsFile } from '../../dashboard/definitions.ts';
import { relationsOf, type YamlModelNames } from '../support/dbt/relations.ts';
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

interface YamlColumn {
  readonly name: string;
  readonly data_type?: string;
  readonly description: string;
  readonly constraints?: readonly { readonly type: string }[];
  readonly data_tests?: readonly YamlTest[];
}

interface YamlModel extends YamlModelNames<YamlColumn> {
  readonly description: string;
  readonly data_tests?: readonly YamlTest[];
}

interface YamlUnitTest {
  readonly name: string;
  readonly model: string;
  readonly description?: string;
  /** The versions of the model that it tests. @default all */
  readonly versions?: { readonly include?: readonly number[]; readonly exclude?: readonly number[] };
}

interface YamlFile {
  readonly models?: readonly YamlModel[];
  readonly unit_tests?: readonly YamlUnitTest[];
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

/** What the texts of a project refer to. */
interface References {
  readonly blocks: ReadonlyMap<string, string>;
  /** The relation of each model: `model` for its latest version, `model, v=1` for a version. */
  readonly relations: ReadonlyMap<string, string>;
}

const layers = ['gold', 'silver'] as const;

/** The paths of files. */
const filesIn = (folder: string, ending: string): string[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith(ending))
    .toSorted()
    .map((file) => join(folder, file));

/** A text on one line, with the blocks that it names. @throws if it has another expression of dbt. */
function plain(text: string, { blocks }: References): string {
  const filled = text
    .replace(/{{ doc\('(\w+)'\) }}/g, (_, name: string) => blocks.get(name) ?? `{{ no block ${name} }}`)
    .replace(/{{ ref\('(\w+)'\) }}/g, '$1');
  if (filled.includes('{{')) throw new Error(`dbt/models.json cannot show: ${filled}`);
  return filled.replaceAll(/\s+/g, ' ').trim();
}

const code = (text: unknown): string => `\`${text}\``;

/** The relations that a text refers to. */
const refs = (text: string, { relations }: References): string[] =>
  [...text.matchAll(/ref\('(\w+)'(, v=\d+)?\)/g)].map(([, name, version = '']) => {
    const relation = relations.get(`${name}${version}`);
    if (relation === undefined) throw new Error(`no model for ${text}`);
    return relation;
  });

/** What a test of dbt demands, in words. @throws for a kind of test that has none yet. */
function demandOf(test: YamlTest, references: References): string {
  const [kind, given] = typeof test === 'string' ? [test, {}] : (Object.entries(test)[0] ?? ['', {}]);
  const { to = '', field = '', values = [], expression = '', combination = [] } = given.arguments ?? {};
  const demands: Readonly<Record<string, () => string>> = {
    unique: () => 'unique',
    not_null: () => 'never NULL',
    relationships: () => `in ${code(field)} of ${code(refs(to, references)[0])}`,
    accepted_values: () => `one of ${values.map(code).join(', ')}`,
    expression_is_true: () => code(plain(expression, references)),
    unique_combination_of_columns: () => `one row for each combination of ${combination.map(code).join(', ')}`,
  };
  const demand = demands[kind];
  if (!demand) throw new Error(`dbt/models.json has no words for the test ${kind}`);
  return demand();
}

/** Warehouses name the type of a time differently, so it is an expression of dbt. */
const typeOf = (type: string | undefined): string | null =>
  type === undefined ? null : type.includes('timestamp') ? 'timestamp' : type;

function columnOf(column: YamlColumn, references: References): ModelColumn {
  const { name, data_type: type, description, constraints = [], data_tests: tests = [] } = column;
  const enforced = constraints.map((constraint) => demandOf(constraint.type, references));
  return {
    ...{ name, type: typeOf(type), description: plain(description, references) },
    tests: [...new Set([...enforced, ...tests.map((test) => demandOf(test, references))])],
  };
}

const grainSentence = /Grain: (.*?\.)(?= |$)/;

/** The comment at the top of a test's file. */
const commentOf = (sql: string): string =>
  (/^(?:-- .*\n)+/.exec(sql)?.[0] ?? '').replaceAll(/^-- /gm, '').replaceAll('\n', ' ').trim();

/** The names of the relations of `models`, for `References`. */
const namesOf = (models: readonly YamlModel[]): Map<string, string> =>
  new Map(
    models.flatMap((model) =>
      relationsOf(model).flatMap(({ name, version, isLatest }) => [
        ...(isLatest ? [[model.name, name] as const] : []),
        ...(version === null ? [] : [[`${model.name}, v=${version}`, name] as const]),
      ]),
    ),
  );

/** Whether dbt runs a unit test of a model for one of its versions. */
const isTestOf = ({ versions }: YamlUnitTest, version: number | null): boolean =>
  version === null || ((versions?.include?.includes(version) ?? true) && !versions?.exclude?.includes(version));

/** The models of a file: each version is one. @throws if one has no grain. */
function modelsOf(
  { models = [] }: YamlFile,
  given: References & { readonly layer: Model['layer']; readonly owner: string; readonly all: readonly YamlFile[] },
): Model[] {
  const unitTests = given.all.flatMap((file) => file.unit_tests ?? []);
  const exposures = given.all.flatMap((file) => file.exposures ?? []);
  return models.flatMap((model) =>
    relationsOf(model).map(({ name, version, columns, description }): Model => {
      const text = plain(description ?? model.description, given);
      const [, grain] = grainSentence.exec(text) ?? [];
      if (grain === undefined) throw new Error(`the description of ${name} has no sentence that begins with Grain:`);
      return {
        ...{ name, layer: given.layer, grain: grain.charAt(0).toUpperCase() + grain.slice(1) },
        description: text.replace(grainSentence, '').replaceAll(/\s+/g, ' ').trim(),
        owner: given.owner,
        columns: columns.map((column) => columnOf(column, given)),
        tests: (model.data_tests ?? []).map((test) => demandOf(test, given)),
        unitTests: unitTests
          .filter((test) => test.model === model.name && isTestOf(test, version))
          .map((test) => ({ name: test.name, description: test.description?.trim() ?? null })),
        exposures: exposures
          .filter(({ depends_on: used }) => used.flatMap((one) => refs(one, given)).includes(name))
          .map(({ label }) => label),
      };
    }),
  );
}

/** The content of dbt/models.json. @throws if a model has no grain, or something has no words. */
function modelsFile(dbt: string): ModelsFile {
  const sources = layers.flatMap((layer) =>
    filesIn(join(dbt, 'models', layer), '.yml').map((file) => ({ layer, file })),
  );
  const all = readYamlFiles<YamlFile & YamlProject>([
    ...['dbt_project.yml', 'models/groups.yml', 'models/exposures.yml'].map((file) => join(dbt, file)),
    ...sources.map(({ file }) => file),
  ]);
  const [project, groupsFile, exposuresFile, ...contents] = all;
  const docs = filesIn(join(dbt, 'models/docs'), '.md').map((file) => readFileSync(file, 'utf8'));
  const blocks = new Map(docs.flatMap((text) => [...docsBlocks(text)]));
  const references = { blocks, relations: namesOf(contents.flatMap((content) => content.models ?? [])) };
  const ownerOf = (layer: Model['layer']): string => {
    const group = groupsFile?.groups?.find(({ name }) => name === project?.models.tmdb_stream[layer]?.['+group']);
    if (!group) throw new Error(`dbt_project.yml gives the folder ${layer} no group`);
    return group.owner.name;
  };
  const models = sources.flatMap(({ layer }, index) =>
    modelsOf(contents[index] ?? {}, { ...references, layer, owner: ownerOf(layer), all: all.slice(2) }),
  );
  return {
    overview: blocks.get('__overview__') ?? '',
    models: models.toSorted((a, b) => layers.indexOf(a.layer) - layers.indexOf(b.layer) || (a.name < b.name ? -1 : 1)),
    tests: filesIn(join(dbt, 'tests'), '.sql').map((file) => ({
      name: basename(file, '.sql'),
      description: commentOf(readFileSync(file, 'utf8')),
    })),
    exposures: (exposuresFile?.exposures ?? []).map(({ label, description, owner }) => ({
      ...{ label, description: plain(description, references), owner: owner.name },
    })),
  };
}

/** The text of dbt/models.json. @param dbt the folder of the dbt project. */
export const modelsText = (dbt = join(root, 'dbt')): string => `${JSON.stringify(modelsFile(dbt), null, 2)}\n`;
