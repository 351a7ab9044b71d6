import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Metric, metrics } from '../schemas/metrics.ts';

/** The definitions of the dbt project, which `npm run docs` writes. All texts are Markdown. */
const file = join(import.meta.dirname, '..', 'dbt', 'models.json');

export interface ModelColumn {
  readonly name: string;
  /** In the contract of the model; null if it has none. */
  readonly type: string | null;
  readonly description: string;
  /** What dbt enforces for each value, such as that it is unique. */
  readonly tests: readonly string[];
}

/** A table or view that dbt builds. */
export interface Model {
  readonly name: string;
  readonly layer: 'gold' | 'silver';
  /** What one row is. */
  readonly grain: string;
  readonly description: string;
  /** The group that answers questions about it. */
  readonly owner: string;
  readonly columns: readonly ModelColumn[];
  /** What dbt tests in each row. */
  readonly tests: readonly string[];
  /** Cases that dbt computes from given rows. */
  readonly unitTests: readonly { readonly name: string; readonly description: string | null }[];
  /** The labels of the exposures that read it. */
  readonly exposures: readonly string[];
}

/** What `models.json` contains. */
export interface ModelsFile {
  readonly overview: string;
  readonly models: readonly Model[];
  /** Tests that compare several models. */
  readonly tests: readonly { readonly name: string; readonly description: string }[];
  readonly exposures: readonly { readonly label: string; readonly description: string; readonly owner: string }[];
}

/** The definitions that an analyst needs: the same texts as in the dbt project. */
export interface Definitions extends Omit<ModelsFile, 'models'> {
  readonly models: ReadonlyMap<string, Model>;
  readonly metrics: ReadonlyMap<string, Metric>;
}

/** Reads the definitions that come with this program. */
export function readDefinitions(): Definitions {
  const content = JSON.parse(readFileSync(file, 'utf8')) as ModelsFile;
  const byName = <Named extends { readonly name: string }>(all: readonly Named[]) =>
    new Map(all.map((one) => [one.name, one]));
  return { ...content, models: byName(content.models), metrics: byName(metrics) };
}

export const metricsPath = '/definitions/metrics';

/** The address at which a name in a figure over `models` is defined; null if it is neither a metric nor one of their columns. */
export const definitionLink =
  ({ metrics: known, models: all }: Definitions, models: readonly string[]) =>
  (key: string): string | null => {
    if (known.has(key)) return `${metricsPath}#${key}`;
    const model = models.find((name) => all.get(name)?.columns.some((column) => column.name === key));
    return model === undefined ? null : `/definitions/${model}#${key}`;
  };
