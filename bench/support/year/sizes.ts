import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** The size of the files of a deployment, in megabytes. */
export interface Sizes {
  readonly warehouse: number;
  readonly publishedCopy: number;
  /** Work files and logs. */
  readonly dbt: number;
  /** What processes have left in the folder for temporary files. */
  readonly temporary: number;
  readonly other: number;
}

const names = ['warehouse', 'publishedCopy', 'dbt', 'temporary', 'other'] as const;

/** The first part of a path below the data folder says what it is for. */
function nameOf(path: string): (typeof names)[number] {
  const [top = ''] = path.split('/');
  if (top === 'dbt') return 'dbt';
  if (top === 'tmp') return 'temporary';
  if (top.startsWith('tmdb_gold.duckdb')) return 'publishedCopy';
  return top.startsWith('tmdb.duckdb') ? 'warehouse' : 'other';
}

export function sizesOf(folder: string): Sizes {
  const sizes = { warehouse: 0, publishedCopy: 0, dbt: 0, temporary: 0, other: 0 };
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const stats = statSync(join(folder, path));
    if (stats.isFile()) sizes[nameOf(path)] += stats.size / 1e6;
  }
  return sizes;
}

export const totalOf = (sizes: Sizes): number => names.reduce((sum, name) => sum + sizes[name], 0);
