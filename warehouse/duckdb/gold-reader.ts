import { type BigIntStats, statSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';
import { messageOf } from '../../runtime/errors.ts';
import { type GoldReader, type GoldSnapshot, GoldUnavailableError } from '../gold-reader.ts';
import { quoted } from './file.ts';
import { confinement, GoldCopies, type GoldCopy } from './gold-copies.ts';

/** For the page of a laptop: the copy of a million movies is 76 MB, and DuckDB reads only the columns of a query. */
const memory = [
  "set memory_limit = '160MB'",
  'set threads = 2',
  "set temp_directory = ''",
  'set preserve_insertion_order = false',
];

/**
 * Reads the published copy of GOLD. The copy is replaced by rename: a new state is a new file, and an instance that has the old file
 * open continues to read it. So each state has an instance of its own.
 */
export function openDuckDbGold(path: string): GoldReader {
  const copies = new GoldCopies();
  let opening: Promise<GoldCopy> | undefined;

  const newest = async (): Promise<GoldCopy> => {
    const { current } = copies;
    if (current?.version === versionOf(path)) return current;
    opening ??= openCopy(path)
      .then((copy) => {
        copies.replace(copy);
        return copy;
      })
      .finally(() => {
        opening = undefined;
      });
    return opening;
  };
  const read = async <Result>(work: (gold: GoldSnapshot) => Promise<Result>): Promise<Result> => {
    const copy = await newest();
    // The copy may have been replaced, and closed, before this call continued.
    return copy === copies.current ? copies.read(copy, work) : read(work);
  };
  return {
    version: () => versionOf(path),
    outage: () => null,
    read,
    [Symbol.asyncDispose]: async () => {
      await opening?.catch(() => {});
      copies.replace(undefined);
    },
  };
}

/** How often a copy is opened again because another one took its place at that moment. */
const attempts = 5;

/** @throws GoldUnavailableError */
async function openCopy(path: string): Promise<GoldCopy> {
  for (let attempt = 1; ; attempt++) {
    const before = statsOf(path);
    const instance = await DuckDBInstance.create(':memory:');
    try {
      await attach(instance, path);
      // The same before and after: so it is this file that DuckDB has open.
      if (stampOf(before) === versionOf(path)) return { version: stampOf(before), publishedAt: before.mtime, instance };
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
