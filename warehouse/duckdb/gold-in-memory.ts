import { DuckDBDataChunk, DuckDBInstance, VARCHAR } from '@duckdb/node-api';
import { identifier } from './file.ts';
import { confinement, type GoldCopy } from './gold-copies.ts';
import { memoryLimit } from './memory-limit.ts';

/** A table of GOLD in another warehouse. */
export interface GoldTable {
  readonly name: string;
  /** Names, and types of DuckDB. */
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  /** Parts of its rows. Each value is the text that DuckDB casts to the type of the column, or null. */
  rows(): AsyncIterable<readonly (readonly (string | null)[])[]>;
}

/** How much memory (megabytes) the tables may take on a large machine. */
const mostMb = 8_000;

/** A copy of GOLD in memory, compressed as in a file. Its owner closes it. @throws if a value does not have the type of its column. */
export async function copyIntoMemory(
  tables: readonly GoldTable[],
  { version, publishedAt }: Omit<GoldCopy, 'instance'>,
): Promise<GoldCopy> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    await connection.run(`set memory_limit = '${memoryLimit(mostMb)}'; set threads = 2; set temp_directory = ''`);
    await connection.run("attach ':memory:' as published (compress); create schema published.gold");
    for (const table of tables) {
      const columns = table.columns.map(({ name, type }) => `${identifier(name)} ${type}`);
      await connection.run(`create table published.gold.${identifier(table.name)} (${columns.join(', ')})`);
      const appender = await connection.createAppender(table.name, 'gold', 'published');
      for await (const rows of table.rows()) appender.appendDataChunk(chunkOf(rows, columns.length));
      appender.closeSync();
    }
    // Only a checkpoint compresses.
    await connection.run('checkpoint published');
    for (const statement of confinement) await connection.run(statement);
    return { version, publishedAt, instance };
  } catch (error) {
    instance.closeSync();
    throw error;
  } finally {
    connection.closeSync();
  }
}

/** The appender casts the texts. */
function chunkOf(rows: readonly (readonly (string | null)[])[], width: number): DuckDBDataChunk {
  const chunk = DuckDBDataChunk.create(new Array(width).fill(VARCHAR), rows.length);
  chunk.setRows(rows.map((row) => [...row]));
  return chunk;
}
