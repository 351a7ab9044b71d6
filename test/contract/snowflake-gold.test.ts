import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Clock, systemClock } from '../../runtime/clock.ts';
import { selectMetrics } from '../../schemas/metrics.ts';
import { GoldNotReadError, type GoldReader } from '../../warehouse/gold-reader.ts';
import { openSnowflakeGold } from '../../warehouse/snowflake/gold-reader.ts';
import { openSnowflakeSession, type SnowflakeSession } from '../../warehouse/snowflake/session.ts';
import { datasets } from '../generated-pages/superset/datasets.ts';
import { modelNames } from '../support/dashboard/small-gold.ts';
import { buildSmallGold, markRun } from '../support/dashboard/snowflake-gold.ts';
import { SnowflakeEmulator } from '../support/snowflake/emulator.ts';
import { SnowflakeProxy } from '../support/snowflake/proxy.ts';
import { goldReaderContract } from '../support/warehouse/gold-reader-contract.ts';

let emulator: SnowflakeEmulator;
let builder: SnowflakeSession;

/** A reader that looks for a new build all the time. @param url of Snowflake. */
const open = (url: string, onProblem: (problem: string | null) => void = () => {}, clock: Clock = systemClock) => {
  const settings = emulator.settings({ role: 'ANALYST_ROLE', timeoutMs: 5_000, url });
  const options = { settings, clock, models: modelNames, stage: 'dashboard', warehouse: 'REPORTING_WH' };
  return openSnowflakeGold({ ...options, pollMs: 100, signal: new AbortController().signal, onProblem });
};

const openBuilder = () =>
  openSnowflakeSession({ settings: emulator.settings(), clock: systemClock, stage: 'transform' });

const versionOf = (reader: GoldReader): string | null => {
  try {
    return reader.version();
  } catch {
    return null;
  }
};

/** Waits until the reader serves another GOLD than at the beginning of `build`. */
async function followed(reader: GoldReader, build: () => Promise<unknown>): Promise<void> {
  const before = versionOf(reader);
  await build();
  await vi.waitUntil(() => versionOf(reader) !== before, { timeout: 30_000, interval: 10 });
}

const moviesOf = async (reader: GoldReader) => {
  const [row] = await reader.read((gold) => gold.query('select count(*) as movies from fact_movies'));
  return row?.['movies'];
};

/** The statements of the dashboard that the emulator has received. */
const sent = async () =>
  (await emulator.statements()).filter(({ tag }) => tag !== null && JSON.parse(tag).stage === 'dashboard');

const isLook = ({ sql }: { readonly sql: string }): boolean => sql.includes('build_state');

/** Waits until the only open reader has looked for a new build again, twice: the first look may have begun before. */
async function nextLooks(): Promise<void> {
  const looks = async () => (await sent()).filter(isLook).length;
  const before = await looks();
  await vi.waitUntil(async () => (await looks()) >= before + 2, { timeout: 30_000, interval: 20 });
}

beforeAll(async () => {
  emulator = await SnowflakeEmulator.start();
  builder = await openBuilder();
});
afterAll(async () => {
  await builder[Symbol.asyncDispose]();
  await emulator[Symbol.asyncDispose]();
});

goldReaderContract('Snowflake', async () => {
  const reader = await open(emulator.url);
  return {
    reader,
    publish: (count) => followed(reader, () => buildSmallGold(builder, count)),
    close: async () => reader[Symbol.asyncDispose](),
  };
});

describe('the datasets of Superset', () => {
  it('give the same metrics by genre and by company on Snowflake as on DuckDB', { tags: ['full'] }, async () => {
    await buildSmallGold(builder, 40);
    await using reader = await open(emulator.url);
    await vi.waitUntil(() => versionOf(reader) !== null, { timeout: 30_000, interval: 10 });
    for (const { name, sql, columns } of datasets.filter(({ hasMetrics }) => hasMetrics)) {
      const group = columns[0]?.name;
      const source = sql ? `(${sql}) as virtual_table` : `gold.${name}`;
      const query = `select ${group} as grouped, ${selectMetrics()} from ${source} group by ${group} order by ${group}`;
      const { rows } = await builder.execute({ sql: query });
      const expected = await reader.read((gold) => gold.query(query));
      expect(expected.length, name).toBeGreaterThan(3);
      expect(rows.map(numbersOf), name).toEqual(expected.map(numbersOf));
    }
  });
});

/** The values of a row; a number is the same however the driver writes it. */
const numbersOf = (row: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(
    Object.entries(row).map(([key, value]) => [key, key === 'grouped' || value === null ? value : Number(value)]),
  );

describe('the dashboard on Snowflake', () => {
  /** A run of dbt that leaves so many movies in the fact table. */
  const rebuild = async (count: number) => {
    await markRun(builder, 'begun');
    await builder.execute({ sql: `delete from gold.fact_movies where movie_id > ${count}` });
    await markRun(builder, 'succeeded');
  };
  // Each test starts after a complete build, whatever the one before has left.
  beforeEach(() => buildSmallGold(builder, 30));

  it('[P22] reads each table once for each build, as the analyst role, on its own virtual warehouse, and writes nothing', async () => {
    const before = (await sent()).length;
    await using reader = await open(emulator.url);
    await vi.waitUntil(() => versionOf(reader) !== null, { timeout: 30_000 });
    for (const _ of [1, 2, 3]) expect(await moviesOf(reader)).toBe(30);
    await nextLooks();
    const statements = (await sent()).slice(before).filter(({ sql }) => !/^alter session/.test(sql));
    expect(new Set(statements.map(({ role }) => role))).toEqual(new Set(['ANALYST_ROLE']));
    expect(statements.filter(({ sql }) => !/^\s*select\b/i.test(sql))).toEqual([]);
    const tables = statements.flatMap(({ sql }) => /from gold\."(\w+)"/i.exec(sql)?.[1] ?? []);
    expect(tables).toContain('FACT_MOVIES');
    expect(tables.toSorted()).toEqual([...new Set(tables)].toSorted());
  });

  it('[P22] keeps the last GOLD while a run of dbt changes it, after a run that failed, and after a run that began during the copy', async () => {
    await using proxy = await SnowflakeProxy.start(emulator.url, { lateMs: 0 });
    await using reader = await open(proxy.url);
    await vi.waitUntil(() => versionOf(reader) !== null, { timeout: 30_000 });
    await markRun(builder, 'begun');
    await builder.execute({ sql: 'delete from gold.kpi_genre_performance' });
    await nextLooks();
    expect(await moviesOf(reader)).toBe(30);

    const { promise: isCopying, resolve } = Promise.withResolvers<void>();
    proxy.judge = ({ sql }) => {
      if (!sql.includes('"KPI_YEARLY_TRENDS"')) return undefined;
      proxy.judge = () => undefined;
      resolve();
      return 'held request';
    };
    const version = reader.version();
    await rebuild(20);
    await isCopying;
    await markRun(builder, 'begun');
    await builder.execute({ sql: 'delete from gold.kpi_yearly_trends' });
    proxy.release();
    await nextLooks();
    expect(reader.version()).toBe(version);
    expect(await moviesOf(reader)).toBe(30);

    await followed(reader, () => rebuild(10));
    expect(await moviesOf(reader)).toBe(10);
  });

  it('[P22 R159] keeps the last GOLD after a run of some models, says so, and follows the next complete build', async () => {
    await rebuild(9);
    const problems: (string | null)[] = [];
    await using reader = await open(emulator.url, (problem) => problems.push(problem));
    await vi.waitUntil(() => versionOf(reader) !== null, { timeout: 30_000 });
    await markRun(builder, 'begun');
    await builder.execute({ sql: 'delete from gold.fact_movies where movie_id > 8' });
    await markRun(builder, 'partial');
    await vi.waitUntil(() => reader.outage() !== null, { timeout: 30_000, interval: 10 });
    expect(reader.outage()).toMatch(/^partial run: /);
    expect(await moviesOf(reader)).toBe(9);
    await using late = await open(emulator.url);
    await vi.waitUntil(() => late.outage() !== null, { timeout: 30_000, interval: 10 });
    expect(() => late.version()).toThrow(/^partial run: /);
    await followed(reader, () => rebuild(8));
    expect([await moviesOf(reader), reader.outage(), problems.at(-1)]).toEqual([8, null, null]);
  });

  it('[P22] serves the last GOLD while Snowflake is away, says so, and follows the next build', {
    tags: ['full'],
  }, async () => {
    const problems: (string | null)[] = [];
    await using reader = await open(emulator.url, (problem) => problems.push(problem));
    await vi.waitUntil(() => versionOf(reader) !== null, { timeout: 30_000 });
    await emulator.kill();
    try {
      await vi.waitUntil(() => reader.outage() !== null, { timeout: 30_000 });
      const movies = await moviesOf(reader);
      expect(movies).toBeGreaterThan(5);
      expect(reader.outage()).toMatch(/^Snowflake: /);
    } finally {
      // The next tests need both, also if this one fails.
      await emulator.start();
      builder = await openBuilder();
    }
    await followed(reader, () => rebuild(5));
    expect(await moviesOf(reader)).toBe(5);
    expect(reader.outage()).toBeNull();
    expect(problems.at(0)).toMatch(/^Snowflake: /);
    expect(problems.at(-1)).toBeNull();
  });

  it('[P22] reads nothing but models, and does not read GOLD again and again if it cannot be read', async () => {
    await builder.execute({ sql: 'create or replace table gold.left_over (movie_id bigint)' });
    await using proxy = await SnowflakeProxy.start(emulator.url, { lateMs: 0 });
    let copies = 0;
    proxy.judge = ({ sql }) => {
      if (!sql.includes('"FACT_MOVIES"')) return undefined;
      copies += 1;
      return copies === 1 ? 'refused' : undefined;
    };
    let passedMs = 0;
    const clock: Clock = { ...systemClock, monotonic: () => systemClock.monotonic() + passedMs };
    const before = (await sent()).length;
    await using reader = await open(proxy.url, () => {}, clock);
    await vi.waitUntil(() => reader.outage() !== null, { timeout: 30_000, interval: 10 });
    await nextLooks();
    expect({ copies, version: versionOf(reader) }).toEqual({ copies: 1, version: null });
    passedMs = 60_000;
    await vi.waitUntil(() => versionOf(reader) !== null, { timeout: 30_000, interval: 10 });
    expect(copies).toBe(2);
    expect((await sent()).slice(before).filter(({ sql }) => sql.includes('"LEFT_OVER"'))).toEqual([]);
  });

  it('does not start with credentials that Snowflake refuses', async () => {
    await using proxy = await SnowflakeProxy.start(emulator.url, { lateMs: 0 });
    proxy.judge = ({ kind }) => (kind === 'login' ? 'refused' : undefined);
    await expect(open(proxy.url)).rejects.toThrow(/login of tester .* failed/);
  });

  it('starts while Snowflake is away, and reads GOLD when it is back', { tags: ['full'] }, async () => {
    await using proxy = await SnowflakeProxy.start(emulator.url, { lateMs: 0 });
    proxy.judge = ({ kind }) => (kind === 'login' ? 'reset' : undefined);
    await using reader = await open(proxy.url);
    expect(() => reader.version()).toThrow(GoldNotReadError);
    proxy.judge = () => undefined;
    await vi.waitUntil(() => versionOf(reader) !== null, { timeout: 60_000 });
  });
});
