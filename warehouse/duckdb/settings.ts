import { createHash } from 'node:crypto';
import { basename, dirname, join, resolve } from 'node:path';
import type { z } from 'zod';
import { objectOf, type SettingsGroup, setting } from '../../runtime/setting.ts';
import { duration, path } from '../../runtime/setting-kinds.ts';

const fileName = 'tmdb.duckdb';

/**
 * The default name of the copy. DuckDB calls a database after its file: this name needs no quotes in SQL. Two warehouses in one
 * folder have different copies: a name that had to be changed gets a hash of the original one.
 */
export function goldFileOf(warehouseFile: string): string {
  const stem = warehouseFile.replace(/\.duckdb$/, '');
  if (stem !== warehouseFile && /^[a-z_][a-z0-9_]*$/.test(stem)) return `${stem}_gold.duckdb`;
  const hash = createHash('sha256').update(warehouseFile).digest('hex').slice(0, 8);
  return `_${stem.toLowerCase().replaceAll(/[^a-z0-9]+/g, '_')}_${hash}_gold.duckdb`;
}

const settings = {
  path: setting({
    name: 'DUCKDB_PATH',
    kind: path('file to write'),
    meaning: 'The warehouse file. `npx tmdb-stream load --once` fills a new file from Kafka, without requests to TMDb.',
    defaultNote: `\`DATA_DIR/${fileName}\``,
  }),
  goldPath: setting({
    name: 'DUCKDB_GOLD_PATH',
    kind: path('side output'),
    meaning: 'A copy of GOLD for readers, replaced as a whole after each build. Open this file while services run.',
    defaultNote: `\`${goldFileOf(fileName)}\` beside DUCKDB_PATH; its name follows that of the file`,
  }),
  lockWaitMs: setting({
    name: 'DUCKDB_LOCK_WAIT',
    kind: duration,
    default: '2m',
    meaning:
      'How long to wait while another process has the file open; at least 10 s for a process in another container.',
  }),
};

const schema = objectOf(settings);

export const duckDbGroup = { title: 'DuckDB', prefixes: ['DUCKDB_'], settings, schema } satisfies SettingsGroup;

/** The paths are absolute. */
export interface DuckDbSettings {
  readonly duckdbPath: string;
  /** A copy of GOLD for readers, replaced as a whole after each build. */
  readonly goldPath: string;
  readonly lockWaitMs: number;
}

/** @param dataDir the folder of the files whose paths are not set. */
export function duckDbSettings(given: z.infer<typeof schema>, dataDir: string): DuckDbSettings {
  const duckdbPath = resolve(given.path ?? join(dataDir, fileName));
  const goldPath = resolve(given.goldPath ?? join(dirname(duckdbPath), goldFileOf(basename(duckdbPath))));
  return { duckdbPath, goldPath, lockWaitMs: given.lockWaitMs };
}
