import { dirname, join, resolve } from 'node:path';
import type { z } from 'zod';
import { objectOf, type SettingsGroup, setting } from '../../runtime/setting.ts';
import { duration, path } from '../../runtime/setting-kinds.ts';

const fileName = 'tmdb.duckdb';
const goldFileName = 'tmdb-gold.duckdb';

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
    defaultNote: `\`${goldFileName}\` beside DUCKDB_PATH`,
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
  const goldPath = resolve(given.goldPath ?? join(dirname(duckdbPath), goldFileName));
  return { duckdbPath, goldPath, lockWaitMs: given.lockWaitMs };
}
