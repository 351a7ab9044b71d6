import { type BigIntStats, statSync } from 'node:fs';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { messageOf } from '../../runtime/errors.ts';
import { type GoldReader, type GoldRow, type GoldSnapshot, GoldUnavailableError } from '../gold-reader.ts';
import { plainRow } from '../plain-row.ts';
import { quoted } from './file.ts';

/** An open copy. It is closed when a newer one has replaced it and its last reader has ended. */
interface OpenCopy {
  readonly version: string;
  readonly publishedAt: Date;
  readonly instance: DuckDBInstance;
  readers: number;
  isReplaced: boolean;
}

/** For the page of a laptop: the copy of a million movies is 76 MB, and DuckDB reads only the columns of a query. */
const memory = [
  "set memory_limit = '160MB'",
  'set threads = 2',
  "set temp_directory = ''",
  'set preserve_insertion_order = false',
];

/** A query can read the attached copy and no other file. */
const confinement = ['set enable_external_access = false', 'set lock_configuration = true'];

/**
 * Reads the published copy of GOLD. The copy is replaced by rename: a new state is a new file, and an instance that has the old file
 * open continues to read it. So each state has an instance of its own.
 */
export function openDuckDbGold(path: string): GoldReader {
  let current: OpenCopy | undefined;
  let opening: Promise<OpenCopy> | undefined;

  const replace = (next: OpenCopy | undefined) => {
    const old = current;
    current = next;
    if (!old) return;
    old.isReplaced = true;
    closeIfUnused(old);
  };
  const newest = async (): Promise<OpenCopy> => {
    if (current?.version === versionOf(path)) return current;
    opening ??= openCopy(path)
      .then((copy) => {
        replace(copy);
        return copy;
      })
      .finally(() => {
        opening = undefined;
      });
    return opening;
  };
  const acquire = async (): Promise<OpenCopy> => {
    const copy = await newest();
    // A copy may have been replaced before this call continued.
    if (copy.isReplaced) return acquire();
    copy.readers++;
    return copy;
  };
  return {
    version: () => versionOf(path),
    read: async (work) => {
      const copy = await acquire();
      try {
        return await withSnapshot(copy, work);
      } finally {
        copy.readers--;
        closeIfUnused(copy);
      }
    },
    [Symbol.asyncDispose]: async () => {
      await opening?.catch(() => {});
      replace(undefined);
    },
  };
}

function closeIfUnused({ isReplaced, readers, instance }: OpenCopy): void {
  if (isReplaced && readers === 0) instance.closeSync();
}

async function withSnapshot<Result>(
  { instance, version, publishedAt }: OpenCopy,
  work: (gold: GoldSnapshot) => Promise<Result>,
): Promise<Result> {
  const connection = await instance.connect();
  try {
    await connection.run('use published.gold');
    return await work({ version, publishedAt, query: (sql, values) => queryOf(connection, sql, values) });
  } finally {
    connection.closeSync();
  }
}

async function queryOf(
  connection: DuckDBConnection,
  sql: string,
  values: Readonly<Record<string, string | number>> = {},
) {
  try {
    const result = await connection.runAndReadAll(sql, { ...values });
    return result.getRowObjectsJS().map(plainRow) as GoldRow[];
  } catch (error) {
    // A build of another version has other tables or columns, until the next build.
    if (!/^(?:Catalog|Binder) Error/.test(messageOf(error))) throw error;
    const problem = messageOf(error).split('\n')[0];
    throw new GoldUnavailableError(`the published GOLD was built by another version: ${problem}`, { cause: error });
  }
}

/** How often a copy is opened again because another one took its place at that moment. */
const attempts = 5;

/** @throws GoldUnavailableError */
async function openCopy(path: string): Promise<OpenCopy> {
  for (let attempt = 1; ; attempt++) {
    const before = statsOf(path);
    const instance = await DuckDBInstance.create(':memory:');
    try {
      await attach(instance, path);
      // The same before and after: so it is this file that DuckDB has open.
      if (stampOf(before) === versionOf(path)) return describeCopy(before, instance);
    } catch (error) {
      instance.closeSync();
      throw new GoldUnavailableError(`${path} cannot be read: ${messageOf(error).split('\n')[0]}`, { cause: error });
    }
    instance.closeSync();
    if (attempt === attempts)
      throw new GoldUnavailableError(`${path} was replaced repeatedly while it was being opened`);
  }
}

async function attach(instance: DuckDBInstance, path: string): Promise<void> {
  const connection = await instance.connect();
  try {
    for (const statement of memory) await connection.run(statement);
    await connection.run(`attach '${quoted(path)}' as published (read_only)`);
    for (const statement of confinement) await connection.run(statement);
  } finally {
    connection.closeSync();
  }
}

const describeCopy = (stats: BigIntStats, instance: DuckDBInstance): OpenCopy => ({
  version: stampOf(stats),
  publishedAt: stats.mtime,
  instance,
  readers: 0,
  isReplaced: false,
});

const versionOf = (path: string): string => stampOf(statsOf(path));

const stampOf = ({ ino, mtimeNs, size }: BigIntStats): string =>
  [ino, mtimeNs, size].map((number) => number.toString(36)).join('-');

/** @throws GoldUnavailableError if there is no file, or none that this user may see. */
function statsOf(path: string): BigIntStats {
  try {
    return statSync(path, { bigint: true });
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const problem = isMissing ? `there is no published GOLD at ${path}` : `${path} cannot be read: ${messageOf(error)}`;
    throw new GoldUnavailableError(problem, { cause: error });
  }
}
