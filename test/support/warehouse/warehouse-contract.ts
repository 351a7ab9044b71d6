import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MovieRequest } from '../../../schemas/movie-request.ts';
import { expiredDocument } from '../../../warehouse/expiry.ts';
import { type Batch, batchId, type RawMovieRow, type Warehouse } from '../../../warehouse/warehouse.ts';
import { isLongForm } from '../../tiers.ts';

/** A warehouse, and direct access to its contents for the test. */
export interface WarehouseUnderTest {
  readonly warehouse: Warehouse;
  /** Everything in BRONZE and the ledger, read without the interface. */
  look(): Promise<Contents>;
  /** Closes and opens it again, as another process would open it. */
  reopen(): Promise<Warehouse>;
  close(): Promise<void>;
  /** Whether the warehouse parses documents and keeps their values (VARIANT), not their bytes. @default false */
  readonly keepsValuesOnly?: boolean;
}

export interface Contents {
  readonly movies: readonly {
    readonly offset: bigint;
    readonly movieId: bigint;
    readonly document: string;
    readonly batchId: string;
    /** The parts that are not NULL. */
    readonly request: MovieRequest;
  }[];
  readonly genres: readonly { readonly offset: bigint; readonly document: string }[];
  readonly batches: readonly { readonly batchId: string; readonly loadSeq: bigint; readonly rows: bigint }[];
}

/** The parts of a request that are not NULL. @param row of BRONZE; its time is a Date or a text in UTC. */
export function requestOf({ requested_at: at, reason, traceparent }: Readonly<Record<string, unknown>>): MovieRequest {
  return {
    ...(at !== null && { requestedAt: at instanceof Date ? at : new Date(`${String(at).replace(' ', 'T')}Z`) }),
    ...(reason !== null && { reason: String(reason) }),
    ...(traceparent !== null && { traceparent: String(traceparent) }),
  };
}

/** The retention (ms) of a warehouse under test: it keeps answers from 2025 on. */
export const contractRetentionMs = Date.now() - Date.UTC(2025, 0, 1);

const topic = 'tmdb.raw-movies';
const partition = (number = 0, clusterId = 'cluster-a', topicId = 'topic-1') => {
  return { clusterId, topic, topicId, partition: number };
};

const row = (offset: bigint, document = `{"id":${offset + 1n}}`): RawMovieRow => ({
  kafkaOffset: offset,
  movieId: Number(offset) + 1,
  body: Buffer.from(document),
  sourceUrl: `https://api.themoviedb.org/3/movie/${offset + 1n}`,
  httpStatus: 200,
  fetchedAt: new Date(Date.UTC(2026, 0, 1)),
});

/** The offsets `[first, next)`, one row each. */
const batch = (first: bigint, next: bigint, where = partition()): Batch => ({
  table: 'raw_movies',
  partition: where,
  firstOffset: first,
  nextOffset: next,
  rows: Array.from({ length: Number(next - first) }, (_, index) => row(first + BigInt(index))),
});

const holding = (documents: readonly (string | Buffer)[], first = 0n): Batch => ({
  ...batch(first, first + BigInt(documents.length)),
  table: 'raw_movies',
  rows: documents.map((document, index) => ({ ...row(first + BigInt(index)), body: Buffer.from(document as string) })),
});

const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

/** Canonical text of a JSON value: sorted keys, no white space, and the last value of a duplicate key. */
function canonical(document: string): string {
  const root = { document: JSON.parse(document) };
  // Uses an explicit stack, because some documents are too deep for recursion.
  const left: object[] = [root];
  for (let object = left.pop(); object !== undefined; object = left.pop()) {
    const entries = Object.entries(object);
    left.push(...entries.map(([, value]) => value).filter((value) => value !== null && typeof value === 'object'));
    if (Array.isArray(object)) continue;
    for (const [key, value] of entries.sort(([a], [b]) => (a < b ? -1 : 1))) {
      Reflect.deleteProperty(object, key);
      Object.defineProperty(object, key, { value, enumerable: true, configurable: true });
    }
  }
  return JSON.stringify(root.document);
}

/**
 * The contract of every warehouse. Each implementation runs these same tests.
 * @param depth levels that a document may have. A warehouse may accept or refuse deeper documents.
 */
export function warehouseContract(name: string, open: () => Promise<WarehouseUnderTest>, depth = 4_000): void {
  describe(`${name} keeps the warehouse contract`, () => {
    let under: WarehouseUnderTest;
    let warehouse: Warehouse;

    beforeEach(async () => {
      under = await open();
      warehouse = under.warehouse;
      await warehouse.migrate();
    });
    afterEach(() => under.close());

    /** The part of the documents that this warehouse promises to keep. */
    const kept = (documents: readonly string[]) => (under.keepsValuesOnly ? documents.map(canonical) : documents);
    const offsets = async () => (await under.look()).movies.map(({ offset }) => offset);
    const position = async (where = partition()) => (await warehouse.positions(where)).get(where.partition);

    it('has no position of a partition that was never loaded', async () => {
      expect(await warehouse.positions(partition())).toEqual(new Map());
    });

    it('[R187] has one row for a record, however often it was sent back, and moves the position past the others', async () => {
      const again = (offset: bigint, at: bigint): Batch => ({
        ...batch(at, at + 1n),
        table: 'raw_movies',
        rows: [{ ...row(offset), kafkaOffset: at, isSentBack: true }],
      });
      const parked = { ...row(2n), kafkaOffset: 3n, isSentBack: true as const };
      const added = [
        await warehouse.append([{ ...batch(0n, 2n), table: 'raw_movies', rows: [row(0n), row(1n)] }]),
        await warehouse.append([again(1n, 2n)]),
        await warehouse.append([
          { ...batch(3n, 6n), table: 'raw_movies', rows: [parked, { ...parked, kafkaOffset: 4n }, row(5n)] },
        ]),
        await warehouse.append([again(2n, 6n)]),
      ];
      expect(added).toEqual([2, 0, 2, 0]);
      // It was sent back to another partition, which is read first.
      await warehouse.append([
        { ...again(7n, 0n), partition: partition(1) },
        { ...batch(7n, 8n), table: 'raw_movies', rows: [row(7n)] },
      ]);
      // Another answer for the same movie.
      const later = {
        ...row(1n),
        kafkaOffset: 8n,
        isSentBack: true as const,
        fetchedAt: new Date(Date.UTC(2026, 0, 2)),
      };
      await warehouse.append([{ ...batch(8n, 9n), table: 'raw_movies', rows: [later] }]);
      expect(await offsets()).toEqual([0n, 1n, 3n, 5n, 7n, 8n]);
      expect(await position()).toBe(9n);
      expect((await under.look()).batches.map(({ rows }) => rows)).toEqual([2n, 0n, 2n, 0n, 0n, 1n, 1n]);
      expect(await (await under.reopen()).positions(partition(1))).toEqual(
        new Map([
          [0, 9n],
          [1, 1n],
        ]),
      );
    });

    it('moves the position in the transaction of the rows', async () => {
      await warehouse.append([batch(0n, 3n)]);
      expect(await position()).toBe(3n);
      expect(await offsets()).toEqual([0n, 1n, 2n]);
    });

    it('[R151] stores no document of an answer that has expired, but its row, and one for each other record', async () => {
      const old = { ...row(1n, '{"id":2,"title":"old"}'), fetchedAt: new Date(Date.UTC(2024, 0, 1)) };
      await warehouse.append([{ ...batch(0n, 3n), table: 'raw_movies', rows: [row(0n), old, row(2n)] }]);
      const { movies } = await under.look();
      expect(movies.map(({ document }) => canonical(document))).toEqual(['{"id":1}', expiredDocument, '{"id":3}']);
      expect(await position()).toBe(3n);
    });

    it('starts a partition wherever its topic starts', async () => {
      await warehouse.append([batch(700n, 702n)]);
      expect(await position()).toBe(702n);
    });

    it('[R63] fences a batch that it already has, so that a redelivery adds nothing', async () => {
      await warehouse.append([batch(0n, 3n)]);
      await expect(warehouse.append([batch(0n, 3n)])).rejects.toMatchObject({
        name: 'FencedError',
        partition: partition(),
      });
      await expect(warehouse.append([batch(1n, 5n)])).rejects.toMatchObject({ name: 'FencedError' });
      expect(await offsets()).toEqual([0n, 1n, 2n]);
    });

    it('fences a batch that omits offsets', async () => {
      await warehouse.append([batch(0n, 3n)]);
      await expect(warehouse.append([batch(4n, 5n)])).rejects.toMatchObject({ name: 'FencedError' });
      expect(await position()).toBe(3n);
    });

    it('writes all batches of a call or none', async () => {
      await warehouse.append([batch(0n, 3n)]);
      const both = [batch(0n, 2n, partition(1)), batch(0n, 3n)];
      await expect(warehouse.append(both)).rejects.toMatchObject({ name: 'FencedError' });
      expect(await position(partition(1))).toBeUndefined();
      expect(await offsets()).toEqual([0n, 1n, 2n]);
      expect((await under.look()).batches).toHaveLength(1);
    });

    it('continues to work after a refusal', async () => {
      await warehouse.append([batch(0n, 3n)]);
      await warehouse.append([batch(0n, 3n)]).catch(() => {});
      await warehouse.append([batch(3n, 4n)]);
      expect(await position()).toBe(4n);
    });

    it('distinguishes two clusters, two partitions, and two topics of the same name', async () => {
      const elsewhere = partition(0, 'cluster-b');
      const again = partition(0, 'cluster-a', 'topic-2');
      await warehouse.append([batch(0n, 2n), batch(5n, 6n, partition(1)), batch(0n, 1n, elsewhere)]);
      await warehouse.append([batch(0n, 4n, again)]);
      expect(await position()).toBe(2n);
      expect(await position(partition(1))).toBe(6n);
      expect(await position(elsewhere)).toBe(1n);
      expect(await position(again)).toBe(4n);
      const ids = (await under.look()).batches.map((entry) => entry.batchId);
      expect(new Set(ids).size).toBe(4);
    });

    it('moves the position past offsets that hold no row', async () => {
      await warehouse.append([{ ...batch(0n, 0n), nextOffset: 9n }]);
      expect(await position()).toBe(9n);
      expect(await offsets()).toEqual([]);
    });

    it('[R180] stores when and why a movie was requested, and its trace, each of which may be unknown', async () => {
      const requestedAt = new Date(Date.UTC(2025, 11, 31, 23, 59, 59, 123));
      const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
      const known = { requestedAt, reason: 'popular', traceparent };
      // More than one word of DuckDB's validity mask.
      const requests = Array.from({ length: 130 }, (_, index) =>
        index % 3 === 0 ? known : index % 3 === 1 ? { reason: 'aged' } : undefined,
      );
      const rows = requests.map((request, index) => ({ ...row(BigInt(index)), ...(request && { request }) }));
      await warehouse.append([{ ...batch(0n, 130n), table: 'raw_movies', rows }]);
      const { movies } = await under.look();
      expect(movies.map(({ request }) => request)).toEqual(requests.map((request) => request ?? {}));
    });

    it('stores genres as well', async () => {
      const where = { ...partition(), topic: 'tmdb.raw-genres' };
      const body = Buffer.from('{"genres":[{"id":28,"name":"Action"}]}');
      const fetchedAt = new Date(Date.UTC(2026, 0, 1));
      const rows = [
        {
          kafkaOffset: 0n,
          language: 'en',
          body,
          sourceUrl: 'https://api.themoviedb.org/3/genre/movie/list',
          fetchedAt,
        },
      ];
      await warehouse.append([{ table: 'raw_genres', partition: where, firstOffset: 0n, nextOffset: 1n, rows }]);
      const { genres } = await under.look();
      expect(genres.map(({ offset }) => offset)).toEqual([0n]);
      expect(kept(genres.map(({ document }) => document))).toEqual(kept([body.toString()]));
    });

    it('names a batch after its offsets and gives it the next number', async () => {
      await warehouse.append([batch(0n, 2n), batch(0n, 1n, partition(1))]);
      await warehouse.append([batch(2n, 3n)]);
      const { batches, movies } = await under.look();
      expect(batches.map((entry) => entry.batchId)).toEqual([
        'cluster-a/tmdb.raw-movies/topic-1/0/0-1',
        'cluster-a/tmdb.raw-movies/topic-1/1/0-0',
        'cluster-a/tmdb.raw-movies/topic-1/0/2-2',
      ]);
      expect(batches.map((entry) => entry.loadSeq)).toEqual([1n, 2n, 3n]);
      expect(batches.map((entry) => entry.rows)).toEqual([2n, 1n, 1n]);
      expect(new Set(movies.map((movie) => movie.batchId))).toEqual(new Set(batches.map((entry) => entry.batchId)));
    });

    it('stores more rows than one chunk can contain, in any number of batches', async () => {
      await warehouse.append([batch(0n, 5_000n), batch(0n, 2_048n, partition(1))]);
      const { movies } = await under.look();
      expect(movies).toHaveLength(7_048);
      expect(
        movies.every(
          ({ offset, movieId, document }) => movieId === offset + 1n && document === `{"id":${offset + 1n}}`,
        ),
      ).toBe(true);
    });

    it.each([
      ['no JSON', 'nonsense'],
      ['torn JSON', '{"id":1'],
      ['nothing', ''],
      ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0xfe, 0x22])],
      ['a byte order mark', '\ufeff{"id":1}'],
      ['half of a surrogate pair', '{"title":"\\ud800"}'],
      ['two halves around an escaped backslash', '{"title":"\\ud83d\\\\\\ude00"}'],
      ['a byte of zero in a text', '{"title":"\0"}'],
      ['two documents', '{"id":1}{"id":2}'],
      ['arrays a hundred thousand levels deep', nested(100_000)],
      ['objects a hundred thousand levels deep', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`],
    ])('refuses a document that is %s, reports its offset and writes nothing', async (_, document) => {
      const batches = [batch(0n, 2n, partition(1)), holding(['{"id":1}', document, '{"id":3}'])];
      await expect(warehouse.append(batches)).rejects.toMatchObject({
        name: 'InvalidRowsError',
        rows: [{ partition: partition(), kafkaOffset: 1n }],
      });
      expect(await offsets()).toEqual([]);
      expect(await position(partition(1))).toBeUndefined();
    });

    it.each([
      ['white space', '{ "id" :\n\t1 }\r\n'],
      ['escapes', '{"title":"\\u0000 \\u2028 \\ud83c\\udfac \\/"}'],
      ['scripts', '{"title":"天气之子 مرحبا नमस्ते 🎬"}'],
      ['numbers', '{"a":-0,"b":1e400,"c":12345678901234567890,"d":1.0}'],
      ['keys that mean something to JavaScript', '{"__proto__":{"x":1},"constructor":null,"id":1,"id":2}'],
      ['SQL and Jinja', `{"title":"'); drop table bronze.raw_movies; -- {{ config }} $1"}`],
      ['depth', `{"id":1,"deep":${nested(depth)}}`],
      ['breadth', `[${'[],{},"\\"[",'.repeat(20_000)}1]`],
    ])('keeps a document with odd %s, every byte of it or every value', async (_, document) => {
      await warehouse.append([holding([document])]);
      expect(kept((await under.look()).movies.map((movie) => movie.document))).toEqual(kept([document]));
    });

    it('keeps any JSON document, every byte of it or every value', async () => {
      let next = 0n;
      // JSON.stringify always writes JSON. It escapes lone surrogates, which are refused (above).
      const anyJson = fc.json({ stringUnit: 'grapheme', maxDepth: 4 });
      await fc.assert(
        fc.asyncProperty(fc.array(anyJson, { minLength: 1, maxLength: 20 }), async (documents) => {
          const first = next;
          await warehouse.append([holding(documents, first)]);
          next += BigInt(documents.length);
          const found = (await under.look()).movies.filter(({ offset }) => offset >= first);
          expect(kept(found.map((movie) => movie.document))).toEqual(kept(documents));
        }),
        { numRuns: isLongForm ? 50 : 20 },
      );
    });

    it('processes concurrent calls one after the other', async () => {
      const batches = Array.from({ length: 20 }, (_, index) => batch(BigInt(index) * 2n, BigInt(index) * 2n + 2n));
      await Promise.all(batches.map((one) => warehouse.append([one])));
      expect(await position()).toBe(40n);
      expect((await under.look()).batches.map((entry) => entry.batchId)).toEqual(batches.map(batchId));
    });

    it('accepts only one of two loads of the same offsets', async () => {
      const results = await Promise.allSettled([warehouse.append([batch(0n, 3n)]), warehouse.append([batch(0n, 3n)])]);
      expect(results.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected']);
      expect(await offsets()).toEqual([0n, 1n, 2n]);
    });

    it('still has everything after it is opened again, and another migration changes nothing', async () => {
      await warehouse.append([batch(0n, 3n)]);
      warehouse = await under.reopen();
      await warehouse.migrate();
      expect(await position()).toBe(3n);
      expect(await offsets()).toEqual([0n, 1n, 2n]);
    });
  });
}
