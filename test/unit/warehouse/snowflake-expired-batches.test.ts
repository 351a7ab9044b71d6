import { expect, it } from 'vitest';
import { ExpiredBatches, type ExpiredPart, placesOf } from '../../../warehouse/snowflake/expired-batches.ts';
import type { SnowflakeSession } from '../../../warehouse/snowflake/session.ts';

/** Batches in memory, by table: the numbers of their expired documents. A search finds the first ones, a purge removes them. */
class Tables {
  readonly #left: Map<string, { readonly loadSeq: number; readonly documents: number }[]>;
  readonly searched: string[] = [];
  readonly session: SnowflakeSession = {
    isBroken: false,
    execute: async ({ sql }) => {
      const [, table = ''] = /from bronze\.(\w+) as raw/.exec(sql) ?? [];
      const [, most] = /limit (\d+)/.exec(sql) ?? [];
      this.searched.push(table);
      const found = (this.#left.get(table) ?? []).slice(0, Number(most));
      const rows = found.map(({ loadSeq, documents }) => ({ load_seq: BigInt(loadSeq), batch_id: 'b', documents }));
      return { rows, rowsChanged: 0 };
    },
    readParts: () => {
      throw new Error('not used');
    },
    [Symbol.asyncDispose]: async () => {},
  };

  constructor(tables: Readonly<Record<string, readonly number[]>>) {
    const batches = (documents: readonly number[]) =>
      documents.map((each, index) => ({ loadSeq: index, documents: each }));
    this.#left = new Map(Object.entries(tables).map(([table, documents]) => [table, batches(documents)]));
  }

  purge({ place, batches }: ExpiredPart): string {
    const table = `${place.prefix}${place.table}`;
    this.#left.get(table)?.splice(0, batches.length);
    return `${table} ${batches.map(({ documents }) => documents).join('+')}`;
  }
}

const purgeAll = async (tables: Tables, search: ExpiredBatches): Promise<string[]> => {
  const purged: string[] = [];
  for (let part = await search.next(tables.session); part; part = await search.next(tables.session)) {
    purged.push(tables.purge(part));
  }
  return purged;
};
const names = ['load_batches', 'raw_movies', 'raw_genres', 'rebuild_load_batches', 'rebuild_raw_movies'];
const places = placesOf(new Set(names));

it('[P25] one search finds the batches of many transactions, each with at least one batch and few documents', async () => {
  const tables = new Tables({ raw_movies: [2, 1, 9, 1, 1, 1, 1], rebuild_raw_movies: [3] });
  expect(await purgeAll(tables, new ExpiredBatches(new Date(), places, { documentsAtOnce: 3 }))).toEqual([
    ...['raw_movies 2+1', 'raw_movies 9', 'raw_movies 1+1+1', 'raw_movies 1', 'rebuild_raw_movies 3'],
  ]);
  expect(tables.searched).toEqual(['raw_movies', 'raw_genres', 'rebuild_raw_movies']);
});

it('[P25] a table with more batches than one search finds is searched again', async () => {
  const tables = new Tables({ raw_movies: [1, 1, 1, 1, 1] });
  expect(await purgeAll(tables, new ExpiredBatches(new Date(), places, { batchesPerSearch: 2 }))).toEqual([
    ...['raw_movies 1+1', 'raw_movies 1+1', 'raw_movies 1'],
  ]);
  expect(tables.searched.filter((table) => table === 'raw_movies')).toHaveLength(3);
});

it('[P25] a transaction has at most 500 batches, because a loader waits for it', async () => {
  const tables = new Tables({ raw_movies: Array.from({ length: 1_200 }, () => 1) });
  const purged = await purgeAll(tables, new ExpiredBatches(new Date(), places, {}));
  expect(purged.map((text) => text.split('+').length)).toEqual([500, 500, 200]);
});

it('a rebuild that has lost its ledger is not searched', () => {
  expect(placesOf(new Set(['load_batches', 'raw_movies', 'rebuild_raw_movies']))).toEqual([
    { table: 'raw_movies', prefix: '' },
  ]);
  expect(placesOf(new Set(['raw_movies']))).toEqual([]);
});
