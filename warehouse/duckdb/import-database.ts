/** Started by `rewrite-file.ts`: `node import-database.ts FOLDER FILE` creates a DuckDB file from an export, then runs its `last.sql`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { memoryLimit } from './memory-limit.ts';

const quoted = (text: string): string => text.replaceAll("'", "''");

const [folder = '', path = ''] = process.argv.slice(2);
const instance = await DuckDBInstance.create(':memory:');
const connection = await instance.connect();
await connection.run(`set memory_limit = '${memoryLimit(2_000)}'; set temp_directory = '${quoted(`${path}.spill`)}';
  set TimeZone = 'UTC'; set autoinstall_known_extensions = false;
  attach '${quoted(path)}' as tmdb (row_group_size 10240); use tmdb`);
await connection.run(`import database '${quoted(folder)}'`);
await connection.run(readFileSync(join(folder, 'last.sql'), 'utf8'));
await connection.run('use memory; detach tmdb');
connection.closeSync();
instance.closeSync();
