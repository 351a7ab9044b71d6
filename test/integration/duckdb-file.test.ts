import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../runtime/clock.ts';
import { openDuckDbReader } from '../../warehouse/duckdb/reader.ts';
import { openDuckDbWarehouse } from '../../warehouse/duckdb/warehouse.ts';
import { fileOfDuckDb2 } from '../support/warehouse/newer-duckdb.ts';

const options = (path: string, lockWaitMs = 10_000) => ({ path, lockWaitMs, clock: systemClock });
/** Finalizes unreferenced objects now. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

const genresTopic = { clusterId: 'cluster', topic: 'tmdb.raw-genres', topicId: 'topic' };
const temporaryFolder = () => mkdtempSync(join(tmpdir(), 'duckdb-warehouse-'));

describe('the DuckDB file', () => {
  let folder: string;
  let path: string;
  const children: ChildProcess[] = [];

  beforeEach(() => {
    folder = temporaryFolder();
    path = join(folder, 'nested', 'warehouse.duckdb');
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
    }
    rmSync(folder, { recursive: true });
  });

  /** Another process that loads batch after batch and prints a line for each. After the first line, it holds the file. */
  const startLoader = async (): Promise<ChildProcess> => {
    const script = join(import.meta.dirname, '../support/warehouse/endless-loader.ts');
    const child = spawn(process.execPath, [script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    return child;
  };

  it('contains nothing of a call that failed between two chunks of its rows', async () => {
    const partition = { clusterId: 'cluster', topic: 'tmdb.raw-movies', topicId: 'topic', partition: 0 };
    const rows = Array.from({ length: 5_000 }, (_, index) => ({
      kafkaOffset: BigInt(index),
      // Not a BIGINT: filling the second chunk fails after the first one was passed to DuckDB.
      movieId: index === 3_000 ? 0.5 : 1,
      body: Buffer.from('{}'),
      sourceUrl: '',
      httpStatus: 200,
      fetchedAt: new Date(0),
    }));
    {
      await using warehouse = await openDuckDbWarehouse(options(path));
      await warehouse.migrate();
      const batch = { table: 'raw_movies', partition, firstOffset: 0n, nextOffset: 5_000n, rows } as const;
      await expect(warehouse.append([batch])).rejects.toThrow(RangeError);
      collectGarbage();
      await expect(warehouse.append([batch])).rejects.toThrow(RangeError);
    }
    await using file = await openDuckDbReader(options(path));
    expect(await file.query('select count(*) as rows from bronze.raw_movies')).toEqual([{ rows: 0 }]);
  });

  /** A program that does not use the queue, such as a BI tool. It keeps the file open until it is killed. */
  const startHolder = async (): Promise<ChildProcess> => {
    await (await openDuckDbWarehouse(options(path)))[Symbol.asyncDispose]();
    const source = `const { DuckDBInstance } = require('@duckdb/node-api');
      DuckDBInstance.create(process.argv[1]).then(() => { console.log('open'); setInterval(() => {}, 1000); });`;
    const child = spawn(process.execPath, ['-e', source, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    return child;
  };

  it('[R56] is refused after the configured wait, with the name of the process that has it open', async () => {
    const holder = await startHolder();
    await expect(openDuckDbWarehouse(options(path, 200))).rejects.toMatchObject({
      name: 'WarehouseUnavailableError',
      retriable: true,
      message: expect.stringContaining(`pid ${holder.pid}`),
    });
  });

  it('is opened as soon as a program outside the queue closes it', async () => {
    const holder = await startHolder();
    const opening = openDuckDbWarehouse(options(path));
    holder.kill('SIGKILL');
    await (await opening)[Symbol.asyncDispose]();
  });

  it('is released for a waiting process by a loader that has more to load', async () => {
    const loader = await startLoader();
    const counts: number[] = [];
    for (let reading = 0; reading < 5; reading += 1) {
      await using file = await openDuckDbReader(options(path));
      const [row] = await file.query('select count(*) as rows from bronze.raw_movies');
      counts.push(Number(row?.['rows']));
    }
    expect(loader.exitCode).toBeNull();
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
    expect(counts.at(-1)).toBeGreaterThan(counts[0] ?? 0);
  });

  it('[R8] alternates between two loaders of one process', async () => {
    await using first = await openDuckDbWarehouse(options(path));
    await first.migrate();
    await using second = await openDuckDbWarehouse(options(path));
    for (let offset = 0n; offset < 6n; offset += 1n) {
      const loader = offset % 2n === 0n ? first : second;
      await loader.append([genresBatch(offset)]);
      expect(await (loader === first ? second : first).positions(genresTopic)).toEqual(new Map([[0, offset + 1n]]));
    }
  });

  it('is opened only once at a time in a process, because closing a second instance would drop the lock of the first', async () => {
    await using first = await openDuckDbReader(options(await emptyWarehouse()));
    await expect(openDuckDbReader(options(path, 0))).rejects.toMatchObject({ name: 'WarehouseUnavailableError' });
    expect(await first.query('select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('is free for others when its loader has nothing to load', async () => {
    await using warehouse = await openDuckDbWarehouse(options(path));
    await warehouse.migrate();
    await vi.waitFor(async () => expect(await isFree()).toBe(true), { timeout: 20_000 });
    expect(await warehouse.positions(genresTopic)).toEqual(new Map());
  });

  const isFree = async (): Promise<boolean> => {
    const reader = await openDuckDbReader(options(path, 0)).catch(() => null);
    await reader?.[Symbol.asyncDispose]();
    return reader !== null;
  };

  const emptyWarehouse = async (): Promise<string> => {
    await using warehouse = await openDuckDbWarehouse(options(path));
    await warehouse.migrate();
    return path;
  };

  const genresBatch = (offset: bigint) =>
    ({
      table: 'raw_genres',
      partition: { ...genresTopic, partition: 0 },
      firstOffset: offset,
      nextOffset: offset + 1n,
      rows: [{ kafkaOffset: offset, language: 'en', body: Buffer.from('{}'), sourceUrl: '', fetchedAt: new Date(0) }],
    }) as const;

  it('contains rows and a ledger that agree, whenever its loader is killed', { tags: ['full'] }, async () => {
    for (let kill = 0; kill < 15; kill += 1) {
      const loader = await startLoader();
      // The kill is somewhere within the next batches, at a different point each time. Each line is a committed batch.
      for (let line = 0; line < kill % 4; line += 1) await once(loader.stdout as NodeJS.ReadableStream, 'data');
      loader.kill('SIGKILL');
      await once(loader, 'exit');
      await using file = await openDuckDbReader(options(path));
      const [audit] = await file.query(`
        select count(*) as rows, count(distinct kafka_offset) as offsets, coalesce(max(kafka_offset) + 1, 0) as next_row,
               (select max(next_offset) from bronze.load_positions) as next_offset,
               (select sum(row_count)::bigint from bronze.load_batches) as ledger_rows
          from bronze.raw_movies`);
      expect(audit?.['offsets']).toBe(audit?.['rows']);
      expect(audit?.['next_row']).toBe(audit?.['next_offset']);
      expect(audit?.['ledger_rows']).toBe(audit?.['rows']);
    }
  });

  it('[R59] is refused if a newer DuckDB has written it, and is not changed', async () => {
    path = join(folder, 'newer.duckdb');
    writeFileSync(path, fileOfDuckDb2);
    const refusal = { name: 'WarehouseFileError', message: expect.stringContaining('another version of DuckDB') };
    await expect(openDuckDbWarehouse(options(path))).rejects.toMatchObject(refusal);
    expect(readFileSync(path).equals(fileOfDuckDb2)).toBe(true);
  });

  it('is refused if it is not a database', async () => {
    path = join(folder, 'notes.txt');
    writeFileSync(path, 'no database '.repeat(1_000));
    await expect(openDuckDbWarehouse(options(path))).rejects.toMatchObject({ name: 'WarehouseFileError' });
  });

  it('is refused for a reader if it does not exist', async () => {
    await expect(openDuckDbReader(options(path))).rejects.toThrow(/does not exist|cannot open/i);
  });
});
