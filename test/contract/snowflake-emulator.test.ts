import { spawn } from 'node:child_process';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DriverSession } from '../support/snowflake/driver.ts';
import { SnowflakeEmulator } from '../support/snowflake/emulator.ts';

let emulator: SnowflakeEmulator;

beforeAll(async () => {
  emulator = await SnowflakeEmulator.start();
});
afterAll(() => emulator[Symbol.asyncDispose]());

const open = (options = {}) => DriverSession.open(emulator.url, { database: 'TEST', schema: 'PUBLIC', ...options });

/** Whether it is still under way after the emulator has answered other requests. */
async function isWaiting(statement: Promise<unknown>): Promise<boolean> {
  let hasEnded = false;
  statement.catch(() => {}).finally(() => (hasEnded = true));
  await using other = await open();
  for (let round = 0; round < 5; round += 1) await other.run('select 1');
  return !hasEnded;
}

describe('a table that a transaction changes', () => {
  beforeEach(async () => {
    await using session = await open();
    await session.run('create or replace table counter (n number)');
    await session.run('create or replace table other (n number)');
    await session.run('insert into counter values (0)');
  });
  const counted = async (): Promise<unknown> => {
    await using session = await open();
    return (await session.column('select n from counter'))[0];
  };

  it('makes the next transaction wait until the commit, whose changes it then sees', async () => {
    await using first = await open();
    await using second = await open();
    await first.run('begin');
    await second.run('begin');
    await second.run('select n from counter');
    await first.run('update counter set n = n + 1');
    const waiting = second.run('update counter set n = n + 1');
    expect(await isWaiting(waiting)).toBe(true);
    await first.run('commit');
    await waiting;
    await second.run('commit');
    expect(await counted()).toBe(2);
  });

  it('is free for the next transaction after a rollback', async () => {
    await using first = await open();
    await using second = await open();
    await first.run('begin');
    await first.run('update counter set n = 10');
    const waiting = second.run('update counter set n = n + 1');
    expect(await isWaiting(waiting)).toBe(true);
    await first.run('rollback');
    await waiting;
    expect(await counted()).toBe(1);
  });

  it('loses no update of eight sessions', async () => {
    const raise = async () => {
      await using session = await open();
      for (let round = 0; round < 5; round += 1) {
        await session.run('begin');
        await session.run('update counter set n = n + 1');
        await session.run('insert into other select n from counter');
        await session.run('commit');
      }
    };
    await Promise.all(Array.from({ length: 8 }, raise));
    expect(await counted()).toBe(40);
    await using session = await open();
    expect(await session.column('select count(distinct n) from other')).toEqual([40]);
  });

  it('blocks a statement for at most LOCK_TIMEOUT, and earlier changes of its transaction stay', async () => {
    await using first = await open();
    await using second = await open();
    await first.run('begin');
    await first.run('update counter set n = 1');
    await second.run('alter session set lock_timeout = 0');
    await second.run('begin');
    await second.run('insert into other values (7)');
    await expect(second.run('update counter set n = 2')).rejects.toMatchObject({ code: '000625', sqlState: '57014' });
    await first.run('commit');
    await second.run('commit');
    expect(await counted()).toBe(1);
    expect(await first.column('select n from other')).toEqual([7]);
  });

  it('aborts a transaction whose wait times out, if the session asks for it', async () => {
    await using first = await open();
    await using second = await open();
    await first.run('begin');
    await first.run('update counter set n = 1');
    await second.run('alter session set lock_timeout = 0, transaction_abort_on_error = true');
    await second.run('begin');
    await second.run('insert into other values (7)');
    await expect(second.run('update counter set n = 2')).rejects.toMatchObject({ code: '000625' });
    await expect(second.run('commit')).rejects.toMatchObject({ code: '100132' });
    expect(await second.column('select n from other')).toEqual([]);
    await first.run('rollback');
  });

  it('allows other sessions to insert and read', async () => {
    await using first = await open();
    await using second = await open();
    await first.run('begin');
    await first.run('update counter set n = 1');
    await second.run('insert into counter values (5)');
    expect(await second.column('select n from counter order by n')).toEqual([0, 5]);
    await first.run('rollback');
  });

  it('is rolled back and free when its session is closed', async () => {
    await using second = await open();
    {
      await using first = await open();
      await first.run('begin');
      await first.run('update counter set n = 10');
    }
    await second.run('alter session set lock_timeout = 0');
    await second.run('update counter set n = n + 1');
    expect(await counted()).toBe(1);
  });

  it('is not locked by a session that was closed while it waited', async () => {
    await using first = await open();
    const second = await open();
    await first.run('begin');
    await first.run('update counter set n = 10');
    const waiting = second.run('update counter set n = 20');
    expect(await isWaiting(waiting)).toBe(true);
    await second[Symbol.asyncDispose]();
    await expect(waiting).rejects.toMatchObject({ code: '000604' });
    await first.run('commit');
    expect(await counted()).toBe(10);
  });

  it('blocks a statement for at most its statement timeout', async () => {
    await using first = await open();
    await using second = await open();
    await first.run('begin');
    await first.run('update counter set n = 10');
    await second.run('alter session set statement_timeout_in_seconds = 0.1');
    await expect(second.run('update counter set n = 20')).rejects.toMatchObject({ code: '000630' });
    await first.run('rollback');
  });

  it('gets no changes from a transaction in which a statement failed', async () => {
    await using session = await open();
    await session.run('alter session set transaction_abort_on_error = true');
    await session.run('begin');
    await session.run('update counter set n = 10');
    await expect(session.run('insert into nowhere values (1)')).rejects.toMatchObject({ code: '002003' });
    await expect(session.run('insert into other values (1)')).rejects.toMatchObject({ code: '100132' });
    await session.run('rollback');
    expect(await counted()).toBe(0);
  });
});

describe('an idle transaction', () => {
  it('is rolled back when another transaction has waited too long for its lock', async () => {
    await using impatient = await SnowflakeEmulator.start({ abortIdleBlockerSeconds: 0.2 });
    const login = () => DriverSession.open(impatient.url, { database: 'TEST', schema: 'PUBLIC' });
    await using first = await login();
    await using second = await login();
    await first.run('create table counter (n number)');
    await first.run('insert into counter values (0)');
    await first.run('begin');
    await first.run('update counter set n = 10');
    await second.run('update counter set n = n + 1');
    expect(await second.column('select n from counter')).toEqual([1]);
    await expect(first.run('insert into counter values (7)')).rejects.toMatchObject({ code: '100132' });
    await expect(first.run('commit')).rejects.toThrow('idle');
    await first.run('update counter set n = n + 1');
    expect(await second.column('select n from counter')).toEqual([2]);
  });
});

describe('a transaction', () => {
  it('undoes TRUNCATE too, and ends at DDL', async () => {
    await using session = await open();
    await session.run('create or replace table few (n number)');
    await session.run('insert into few values (1)');
    await session.run('begin');
    await session.run('truncate table few');
    await session.run('rollback');
    expect(await session.column('select n from few')).toEqual([1]);
    await session.run('begin');
    await session.run('insert into few values (2)');
    await session.run('create or replace table others (n number)');
    await session.run('rollback');
    expect(await session.column('select n from few order by n')).toEqual([1, 2]);
  });
});

describe('SQL that emulators often get wrong', () => {
  it('trims the given characters on the given side', async () => {
    await using session = await open();
    const sql =
      "select trim('110', '-0123456789') as a, ltrim('aab', 'a') as b, rtrim('  x  ') as c, trim(chr(9) || 'x ') as d";
    expect(await session.run(sql)).toEqual([{ A: '', B: 'b', C: '  x', D: '\tx' }]);
  });

  it('numbers the elements of arrays in a table of many rows', async () => {
    await using session = await open();
    await session.run('create or replace table arrays (id number, v variant)');
    const rows = Array.from({ length: 3_000 }, (_, id) => [id, JSON.stringify([`${id}-0`, `${id}-1`, `${id}-2`])]);
    await session.run('insert into arrays select column1, parse_json(column2) from values (?, ?)', rows);
    const wrong = `select count(*) from arrays, lateral flatten(input => v) f
      where f.value::string <> id || '-' || f.index`;
    expect(await session.column(wrong)).toEqual([0]);
    expect(await session.column('select count(*) from arrays, lateral flatten(input => v) f')).toEqual([9_000]);
  });

  it('returns large numbers as the login requests', async () => {
    await using session = await open({ jsTreatIntegerAsBigInt: true });
    const large = await session.column('select 9007199254740993::number(38, 0)');
    expect(large.map(String)).toEqual(['9007199254740993']);
  });

  it('refuses null in a NOT NULL column made by CREATE TABLE AS', async () => {
    await using session = await open();
    const create = (value: string) => `create or replace table strict (a varchar not null) as select ${value} as x`;
    await expect(session.run(create('null'))).rejects.toMatchObject({ code: '100072' });
    expect(await session.run("show tables like 'strict'")).toEqual([]);
    await session.run(create("'x'"));
    await expect(session.run('insert into strict values (null)')).rejects.toMatchObject({ code: '100072' });
  });
});

describe('JSON', () => {
  it('is refused with duplicate keys, unless the last value may win', async () => {
    await using session = await open();
    const twice = '{"a": 1, "b": {"c": 1, "c": 2}, "a": 3}';
    await expect(session.run('select parse_json(?)', [twice])).rejects.toMatchObject({ code: '100069' });
    expect(await session.column(`select try_parse_json('${twice}')`)).toEqual([null]);
    for (const parse of ["parse_json(?, 'd')", "try_parse_json(?, 'd')"]) {
      const rows = await session.run(`select v:a::number as a, v:b.c::number as c from (select ${parse} as v)`, [
        twice,
      ]);
      expect(rows).toEqual([{ A: 3, C: 2 }]);
    }
    expect(await session.column("select try_parse_json('{\"a\":', 'd')")).toEqual([null]);
  });

  it('is inserted by array binds in a transaction, and removed by its rollback', async () => {
    await using session = await open();
    await session.run('create or replace table documents (id number, v variant)');
    const insert = "insert into documents select column1, parse_json(column2, 'd') from values (?, ?)";
    const rows = [1, 2].map((id) => [id, `{"id": ${id}, "id": ${id * 10}}`]);
    await session.run('begin');
    await session.run(insert, rows);
    await session.run('rollback');
    expect(await session.column('select count(*) from documents')).toEqual([0]);
    await session.run('begin');
    await session.run(insert, rows);
    await session.run('commit');
    expect(await session.column('select v:id::number from documents order by id')).toEqual([10, 20]);
  });

  it('is loaded by PUT and COPY, compressed, in lines of 4 MB', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'tmdb-stream-copy-'));
    try {
      const file = join(dir, 'lines.ndjson.gz');
      const lines = [{ text: 'x'.repeat(4_000_000) }, { text: 'y' }].map((line) => JSON.stringify(line));
      await writeFile(file, gzipSync([...lines, '{"text": "a", "text": "b"}'].join('\n')));
      await using session = await open();
      await session.run('create or replace table lines (line variant)');
      await session.run('create stage if not exists files');
      const [put] = await session.run(`put 'file://${file}' @files/batch auto_compress = false`);
      expect(put).toMatchObject({ status: 'UPLOADED' });
      const copy = (duplicates: boolean) =>
        `copy into lines from @files/batch file_format = (type = json allow_duplicate = ${duplicates}) purge = true`;
      await expect(session.run(copy(false))).rejects.toMatchObject({ code: '100069' });
      await session.run(copy(true));
      expect(await session.column('select length(line:text::string) from lines order by 1')).toEqual([1, 1, 4_000_000]);
      expect(await session.column("select count(*) from lines where line:text::string = 'b'")).toEqual([1]);
      expect(await session.run('list @files')).toEqual([]);
      await session.run(`put 'file://${file}' @files/left auto_compress = false`);
      expect(await session.run('remove @files/right')).toEqual([]);
      expect(await session.run('remove @files/left')).toMatchObject([{ name: 'files/left/lines.ndjson.gz' }]);
      expect(await session.run('list @files')).toEqual([]);
      await session.run('drop stage files');
      await expect(session.run('drop stage files')).rejects.toMatchObject({ code: '002003' });
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});

describe('the log of statements', () => {
  it('contains the tags of session and statement, and the role', async () => {
    {
      // The driver sends its own tag with every statement.
      await using session = await open({ queryTag: 'by login' });
      await session.run("select 'tagged', 1");
    }
    await using session = await open({ role: 'SYSADMIN' });
    await session.run("select 'tagged', 2");
    await session.run("alter session set query_tag = 'by session'");
    await session.run("select 'tagged', 3");
    await session.run("select 'tagged', 4", [], { QUERY_TAG: 'by statement' });
    await session.run('use role useradmin');
    await session.run("select 'tagged', nope").catch(() => {});
    const tagged = (await emulator.statements()).filter(({ sql }) => sql.startsWith("select 'tagged'"));
    expect(tagged.map(({ tag }) => tag)).toEqual(['by login', null, 'by session', 'by statement', 'by session']);
    expect(tagged.map(({ role }) => role)).toEqual(['ACCOUNTADMIN', 'SYSADMIN', 'SYSADMIN', 'SYSADMIN', 'USERADMIN']);
    expect(tagged.map(({ ok }) => ok)).toEqual([true, true, true, true, false]);
  });
});

describe('the account', () => {
  const keyPair = () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    return {
      privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      publicKey: publicKey.export({ type: 'spki', format: 'der' }),
    };
  };
  const withKey = (privateKey: string) => ({ authenticator: 'SNOWFLAKE_JWT', privateKey });

  it('keeps its objects and its data when it is killed', async () => {
    const { privateKey, publicKey } = keyPair();
    await using own = await SnowflakeEmulator.start({ createOnLogin: false });
    {
      await using session = await DriverSession.open(own.url, { role: 'SYSADMIN' });
      expect(await session.run("show databases like 'LECTURE'")).toEqual([]);
      for (const sql of [
        'create database if not exists "LECTURE"',
        'create schema if not exists "LECTURE"."GOLD"',
        'create table "LECTURE"."GOLD"."FACTS" (n number)',
        'insert into lecture.gold.facts values (1), (2)',
        'create stage lecture.gold.files',
        'create warehouse if not exists "WH" warehouse_size = xsmall auto_suspend = 60 initially_suspended = true',
        'create role "READER"',
        'grant usage on warehouse "WH" to role "READER"',
        `create user "LOADER" type = service default_role = "READER" rsa_public_key = '${publicKey.toString('base64')}'`,
        'grant role "READER" to user "LOADER"',
      ]) {
        await session.run(sql);
      }
    }
    await own.kill();
    await own.start();
    await using session = await DriverSession.open(own.url, { username: 'loader', ...withKey(privateKey) });
    expect(await session.column('select current_role()')).toEqual(['READER']);
    expect(await session.run('show warehouses')).toMatchObject([
      { name: 'WH', size: 'X-Small', state: 'SUSPENDED', auto_suspend: 60, owner: 'SYSADMIN' },
    ]);
    expect(await session.run('show grants to role "READER"')).toMatchObject([
      { privilege: 'USAGE', granted_on: 'WAREHOUSE', name: 'WH', granted_to: 'ROLE', grantee_name: 'READER' },
    ]);
    expect(await session.run('show tables in schema lecture.gold')).toMatchObject([
      { name: 'FACTS', rows: 2, bytes: 2048 },
    ]);
    expect(await session.run('show stages in schema lecture.gold')).toMatchObject([{ name: 'FILES' }]);
    const properties = new Map(
      (await session.run('describe user "LOADER"')).map(({ property, value }) => [property, value]),
    );
    expect(properties.get('RSA_PUBLIC_KEY_FP')).toBe(
      `SHA256:${createHash('sha256').update(publicKey).digest('base64')}`,
    );
    expect(properties.get('RSA_PUBLIC_KEY_2_FP')).toBe('null');
  });

  it('makes the creator the owner of new tables, and applies future grants', async () => {
    await using session = await open({ role: 'ACCOUNTADMIN' });
    await session.run('create or replace role analyst');
    await session.run('create schema if not exists marts');
    await session.run('create or replace table marts.early (n number)');
    await session.run('grant select on future tables in schema marts to role analyst');
    await session.run('grant usage, monitor on schema marts to role analyst');
    await session.run('use role sysadmin');
    await session.run('create or replace table marts.late (n number)');
    const grants = async () =>
      (await session.run('show grants to role analyst')).map(
        ({ privilege, granted_on, name }) => `${privilege} ${granted_on} ${name}`,
      );
    expect(await grants()).toEqual([
      'USAGE SCHEMA TEST.MARTS',
      'MONITOR SCHEMA TEST.MARTS',
      'SELECT TABLE TEST.MARTS.LATE',
    ]);
    expect(await session.run('show grants on table marts.late')).toMatchObject([
      { privilege: 'OWNERSHIP', grantee_name: 'SYSADMIN' },
      { privilege: 'SELECT', grantee_name: 'ANALYST' },
    ]);
    await session.run('grant select on all tables in schema marts to role analyst');
    await session.run('revoke monitor on schema marts from role analyst');
    await session.run('revoke select on future tables in schema marts from role analyst');
    await session.run('create or replace table marts.late (n number)');
    expect(await grants()).toEqual(['USAGE SCHEMA TEST.MARTS', 'SELECT TABLE TEST.MARTS.EARLY']);
  });

  it('admits a service only with one of its keys', async () => {
    const [first, second] = [keyPair(), keyPair()];
    const login = async ({ privateKey }: { privateKey: string }) => {
      await using session = await open({ username: 'service', ...withKey(privateKey) });
      return await session.column('select current_user()');
    };
    await using session = await open();
    await session.run(`create user service type = service rsa_public_key = '${first.publicKey.toString('base64')}'`);
    expect(await login(first)).toEqual(['SERVICE']);
    await expect(login(second)).rejects.toMatchObject({ code: '390144' });
    await session.run(`alter user service set rsa_public_key_2 = '${second.publicKey.toString('base64')}'`);
    await session.run('alter user service unset rsa_public_key');
    expect(await login(second)).toEqual(['SERVICE']);
    await expect(login(first)).rejects.toMatchObject({ code: '390144' });
    await expect(open({ username: 'service' })).rejects.toMatchObject({ code: '390100' });
  });

  it('removes a dropped database with all its contents', async () => {
    await using session = await DriverSession.open(emulator.url);
    const make = async () => {
      for (const sql of ['create database gone', 'create schema gone.s', 'create table gone.s.t (n number)'])
        await session.run(sql);
    };
    await make();
    await session.run('create stage gone.s.files');
    await session.run('insert into gone.s.t values (1)');
    await session.run('drop database gone');
    await expect(session.run('select n from gone.s.t')).rejects.toMatchObject({ code: '002003' });
    expect(await session.run("show databases like 'gone'")).toEqual([]);
    expect(
      (await session.run('show grants to role accountadmin')).filter(({ name }) => String(name).includes('GONE')),
    ).toEqual([]);
    await expect(session.run('drop database gone')).rejects.toMatchObject({ code: '002003' });
    await session.run('drop database if exists gone');
    await make();
    expect(await session.column('select count(*) from gone.s.t')).toEqual([0]);
    expect(await session.run('show stages in schema gone.s')).toEqual([]);
  });

  it('reports missing objects', async () => {
    await using session = await open();
    await expect(session.run('use role missing')).rejects.toMatchObject({ code: '002043' });
    await expect(session.run('show tables in schema test.nowhere')).rejects.toMatchObject({ code: '002043' });
    await expect(session.run('grant usage on schema test.public to role missing')).rejects.toMatchObject({
      code: '002003',
    });
    await expect(session.run('grant select on table test.public.nothing to role sysadmin')).rejects.toMatchObject({
      code: '002003',
    });
    await expect(session.run('create role sysadmin')).rejects.toMatchObject({ code: '002002' });
  });
});

describe('its process', () => {
  it('ends with the process that started it', async () => {
    const module = join(import.meta.dirname, '../support/snowflake/emulator.ts');
    const program = `import { SnowflakeEmulator } from ${JSON.stringify(module)};
      console.log((await SnowflakeEmulator.start()).url);`;
    // The killed process cannot remove its files, so they stay here.
    const dir = await mkdtemp(join(tmpdir(), 'tmdb-stream-orphan-'));
    const parent = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, TMPDIR: dir },
    });
    const exited = once(parent, 'exit');
    const [url] = await once(createInterface({ input: parent.stdout }), 'line');
    const answers = () =>
      fetch(`${url}/telemetry/send`, { method: 'POST' }).then(
        ({ ok }) => ok,
        () => false,
      );
    expect(await answers()).toBe(true);
    parent.kill('SIGKILL');
    await exited;
    await expect.poll(answers, { timeout: 5_000 }).toBe(false);
    await rm(dir, { recursive: true, force: true });
  });
});
