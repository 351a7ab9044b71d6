import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '..', 'dbt', 'models', 'docs');

/** The documentation of dbt that an analyst needs: the same texts as in the descriptions of the models. */
export interface Definitions {
  /** The overview, as Markdown. */
  readonly overview: string;
  /** By the name of the column, as Markdown. */
  readonly columns: ReadonlyMap<string, string>;
}

/** The blocks of a file of dbt's documentation, by name. */
export const docsBlocks = (text: string): Map<string, string> =>
  new Map(
    [...text.matchAll(/{%\s*docs\s+(\w+)\s*%}(.*?){%\s*enddocs\s*%}/gs)].map(([, name = '', body = '']) => [
      name,
      body.trim(),
    ]),
  );

/** Reads the definitions that come with this program. */
export function readDefinitions(): Definitions {
  const read = (file: string) => docsBlocks(readFileSync(join(folder, file), 'utf8'));
  const columns = new Map([...read('columns.md'), ...read('metrics.md')]);
  return { overview: read('overview.md').get('__overview__') ?? '', columns };
}
