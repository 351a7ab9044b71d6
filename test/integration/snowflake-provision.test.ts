import { execFile } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../runtime/clock.ts';
import { ExitCode } from '../../runtime/errors.ts';
import { check, provision } from '../../warehouse/snowflake/provision/provision.ts';
import { openSnowflakeSession, type SnowflakeSession } from '../../warehouse/snowflake/session.ts';
import { openSnowflakeWarehouse } from '../../warehouse/snowflake/warehouse.ts';
import { provisionFile, statementsIn } from '../generated-pages/snowflake-provision.ts';
import { read } from '../support/deploy/project.ts';
import { SnowflakeEmulator } from '../support/snowflake/emulator.ts';
import { newKeyPair, settings } from '../support/snowflake/provision-settings.ts';
import { tampering } from '../support/snowflake/provision-tampering.ts';
import { casesOf } from '../tiers.ts';

let emulator: SnowflakeEmulator;
let admin: SnowflakeSession;

const query = async (sql: string) => (await admin.execute({ sql })).rows;

/** The statements that ran during `action`. */
async function statementsDuring(action: () => Promise<unknown>): Promise<string[]> {
  const before = (await emulator.statements()).length;
  await action();
  return (await emulator.statements()).slice(before).map(({ sql }) => sql);
}

const isWrite = (sql: string): boolean => !/^\s*(show|describe|use|alter\s+session)\b/i.test(sql);

beforeAll(async () => {
  emulator = await SnowflakeEmulator.start();
  admin = await openSnowflakeSession({ settings: emulator.settings(), clock: systemClock, stage: 'test' });
});
afterAll(async () => {
  await admin[Symbol.asyncDispose]();
  await emulator[Symbol.asyncDispose]();
});

describe('deploy/snowflake/provision.sql', () => {
  it('[S5] creates everything in an empty account, except keys', async () => {
    await using another = await SnowflakeEmulator.start();
    await using session = await openSnowflakeSession({
      settings: another.settings(),
      clock: systemClock,
      stage: 'test',
    });
    const ask = async (sql: string) => (await session.execute({ sql })).rows;
    for (const sql of statementsIn(read(provisionFile))) await ask(sql);
    const without = { ...settings, keys: { loader: {}, dbt: {}, dashboard: {} } };
    expect(await check(ask, without)).toEqual([]);
    const missing = await check(ask, settings);
    expect(missing.map(({ what }) => what)).toEqual([
      expect.stringContaining('LECTURE_LOADER'),
      expect.stringContaining('LECTURE_DBT'),
      expect.stringContaining('LECTURE_DASHBOARD'),
    ]);
  });
});

describe('warehouse provision', () => {
  it('[S5] creates all objects in an empty account, and changes nothing the second time', async () => {
    const { corrected, remaining } = await provision(query, settings);
    expect(remaining).toEqual([]);
    expect(corrected.length).toBeGreaterThan(50);
    const second = await statementsDuring(() => provision(query, settings));
    expect(second.length).toBeGreaterThan(20);
    expect(second.filter(isWrite)).toEqual([]);
  });

  it('leaves nothing for the loader to create', async () => {
    await using warehouse = await openSnowflakeWarehouse({
      settings: emulator.settings(),
      clock: systemClock,
      stage: 'load',
    });
    const statements = await statementsDuring(() => warehouse.migrate());
    expect(statements.filter((sql) => /^\s*(create|alter table|drop)/i.test(sql))).toEqual([]);
    expect(await query('select taken_at from lecture_de.bronze.load_lock')).toHaveLength(1);
  });

  it('gives analysts access to new tables of dbt, and finds no difference', async () => {
    await query('use role "DBT_ROLE"');
    await query('create or replace table lecture_de.gold.fact_movies (movie_sk number)');
    await query('create or replace view lecture_de.gold.kpi_top_movies as select * from lecture_de.gold.fact_movies');
    expect(await check(query, settings)).toEqual([]);
    const grants = await query('show grants to role "ANALYST_ROLE"');
    expect(grants.map(({ privilege, granted_on, name }) => `${privilege} ${granted_on} ${name}`).sort()).toEqual([
      'SELECT TABLE LECTURE_DE.GOLD.FACT_MOVIES',
      'SELECT VIEW LECTURE_DE.GOLD.KPI_TOP_MOVIES',
      'USAGE DATABASE LECTURE_DE',
      'USAGE SCHEMA LECTURE_DE.GOLD',
    ]);
  });
});

describe('a change from outside', () => {
  const tamper = async (sql: string) => {
    await query('use role accountadmin');
    await query(sql);
  };

  it.each(casesOf(tampering, [0, 6, 13, 18, 24]))('[S5] is reported and corrected: %s', async (sql, what) => {
    await tamper(sql);
    const found = await check(query, settings);
    expect(found.filter((difference) => difference.what.includes(what))).not.toEqual([]);
    const { remaining } = await provision(query, settings);
    expect(remaining).toEqual([]);
  });

  it('is corrected in any combination', { tags: ['full'] }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray([...tampering], { minLength: 2 }), async (changes) => {
        for (const [sql] of changes) {
          await query('use role accountadmin');
          // An object that was dropped before cannot receive a grant.
          await query(sql).catch(() => {});
        }
        expect((await check(query, settings)).length).toBeGreaterThan(0);
        expect((await provision(query, settings)).remaining).toEqual([]);
      }),
      { numRuns: 4 },
    );
  });

  it('is left to an administrator if it may contain data', async () => {
    await tamper('create schema lecture_de.playground');
    const { remaining } = await provision(query, settings);
    expect(remaining.map(({ what }) => what)).toEqual(['schema LECTURE_DE.PLAYGROUND']);
    await tamper('drop schema lecture_de.playground');
  });
});

describe('the command', () => {
  const { publicKey, privateKey } = newKeyPair();
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tmdb-stream-provision-'));
    await writeFile(join(folder, 'loader.pub'), publicKey);
    await writeFile(join(folder, 'loader.p8'), privateKey, { mode: 0o600 });
  });

  const credentials = () => ({
    WAREHOUSE: 'snowflake',
    SNOWFLAKE_ACCOUNT: 'fakesnow',
    SNOWFLAKE_USER: 'ADMIN',
    SNOWFLAKE_TOKEN: 'made-up-token',
    SNOWFLAKE_URL: emulator.url,
  });

  function cli(args: readonly string[], environment: Readonly<Record<string, string>>) {
    const env = { PATH: process.env['PATH'], DATA_DIR: folder, ...environment };
    return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      execFile(process.execPath, ['cli.ts', 'warehouse', ...args], { env }, (error, stdout, stderr) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
      );
    });
  }

  const provisionBy = (args: readonly string[], environment: Readonly<Record<string, string>>) =>
    cli(['provision', ...args], environment);

  it('checks, reports and corrects, with exit codes and in JSON', { tags: ['full'] }, async () => {
    await provision(query, settings);
    expect(await provisionBy(['--check'], credentials())).toMatchObject({
      code: 0,
      stdout: 'nothing to do: everything is as expected\n',
    });
    await query('use role accountadmin');
    await query('grant select on table lecture_de.bronze.raw_movies to role "ANALYST_ROLE"');
    const drifted = await provisionBy(['--check', '--json'], credentials());
    expect(drifted.code).toBe(ExitCode.partial);
    expect(JSON.parse(drifted.stdout)).toEqual({
      steps: [],
      corrected: [],
      remaining: [
        { change: 'not wanted', what: 'SELECT on TABLE LECTURE_DE.BRONZE.RAW_MOVIES to role ANALYST_ROLE', detail: '' },
      ],
    });
    expect(await provisionBy([], credentials())).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^corrected 1:/),
    });
    expect(await provisionBy(['--check'], credentials())).toMatchObject({ code: 0 });
  });

  it('[S5] sets a public key, and refuses the private one without showing it', { tags: ['full'] }, async () => {
    const key = ['--loader-key', join(folder, 'loader.pub')];
    expect(await provisionBy(['--check', ...key], credentials())).toMatchObject({ code: ExitCode.partial });
    expect(await provisionBy(key, credentials())).toMatchObject({ code: 0 });
    expect(await provisionBy(['--check', ...key], credentials())).toMatchObject({ code: 0 });
    const refused = await provisionBy(['--loader-key', join(folder, 'loader.p8')], credentials());
    expect(refused).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('this is a PRIVATE key') });
    const body = privateKey.split('\n')[1] ?? '';
    expect(refused.stderr).not.toContain(body);
    expect(JSON.stringify(await emulator.statements())).not.toContain(body);
  });

  it('prints the SQL without account, credentials or connection', { tags: ['full'] }, async () => {
    const statements = await statementsDuring(async () => {
      const { stdout } = await provisionBy(['--print'], {});
      expect(statementsIn(stdout)).toEqual(statementsIn(read(provisionFile)));
      const environment = { SNOWFLAKE_DATABASE: 'other_de', SNOWFLAKE_URL: emulator.url };
      const plain = await provisionBy(['--print'], environment);
      expect(plain).toMatchObject({ code: 0, stderr: '' });
      expect(plain.stdout).toContain('create database if not exists "OTHER_DE" data_retention_time_in_days = 1;');
      const chosen = await provisionBy(['--print'], { ...environment, WAREHOUSE: 'snowflake' });
      expect(chosen.stdout).toBe(plain.stdout);
    });
    expect(statements).toEqual([]);
  });

  it('changes nothing when it migrates a provisioned database', async () => {
    const statements = await statementsDuring(async () => {
      expect(await cli(['migrate'], credentials())).toMatchObject({
        code: 0,
        stdout: 'BRONZE is up to date: LECTURE_DE of fakesnow\n',
      });
    });
    expect(statements.length).toBeGreaterThan(0);
    expect(statements.filter((sql) => /^\s*(create|alter table|drop)/i.test(sql))).toEqual([]);
  });

  it.each([
    [['--print', '--check'], '--print and --check cannot be combined'],
    [['--de-role', 'a"b'], '--de-role takes a name of letters'],
    [['--credit-quota', '0'], '--credit-quota takes a whole number from 1'],
    [['--loader-key', '/nowhere'], '--loader-key: cannot be read: there is no such file'],
  ])('refuses %s', { tags: ['full'] }, async (args, message) => {
    expect(await provisionBy(args, credentials())).toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
  });
});
