import { execFile } from 'node:child_process';
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { systemClock } from '../../runtime/clock.ts';
import { snowflakeEnvironment } from '../../warehouse/snowflake/dbt-environment.ts';
import { openSnowflakeSession } from '../../warehouse/snowflake/session.ts';
import { SnowflakeEmulator } from '../support/snowflake/emulator.ts';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-identity-'));
const tokenFile = join(folder, 'token');
const issuer = 'https://issuer.example';
const [ours, another] = [0, 1].map(() => generateKeyPairSync('rsa', { modulusLength: 2_048 }));
/** Both drivers send a token only to hosts of Snowflake, unless this variable names others. */
const allowed = { SNOWFLAKE_WIF_ALLOWED_HOST_SUFFIXES: '127.0.0.1' };

let emulator: SnowflakeEmulator;
beforeAll(async () => {
  const oidcFile = join(folder, 'oidc.json');
  const publicKey = ours?.publicKey.export({ type: 'spki', format: 'pem' });
  writeFileSync(oidcFile, JSON.stringify({ issuer, publicKey, subjects: { LECTURE_LOADER: 'loader' } }));
  emulator = await SnowflakeEmulator.start({ oidcFile });
  for (const [name, value] of Object.entries(allowed)) vi.stubEnv(name, value);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await emulator[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const now = () => Math.floor(Date.now() / 1_000);
const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Writes a token, as its issuer does. @returns it. */
function rotate(claims: object = {}, key: KeyObject | undefined = ours?.privateKey): string {
  const usual = {
    iss: issuer,
    aud: 'snowflakecomputing.com',
    sub: 'loader',
    exp: now() + 600,
    jti: String(Math.random()),
  };
  const body = `${encoded({ alg: 'RS256', typ: 'JWT' })}.${encoded({ ...usual, ...claims })}`;
  const token = key ? `${body}.${sign('RSA-SHA256', Buffer.from(body), key).toString('base64url')}` : body;
  writeFileSync(tokenFile, `${token}\n`);
  return token;
}

const settings = () =>
  emulator.settings({ user: 'LECTURE_LOADER', credentials: { kind: 'workload identity', tokenFile } });
const logIn = async () => {
  await using session = await openSnowflakeSession({ settings: settings(), clock: systemClock, stage: 'test' });
  return (await session.execute({ sql: 'select 1 as one' })).rows;
};

it('[R166] logs in with the token that the file has at each login', async () => {
  rotate();
  expect(await logIn()).toEqual([{ one: 1n }]);
  rotate({ exp: now() - 60 });
  await expect(logIn()).rejects.toThrow();
  rotate();
  expect(await logIn()).toEqual([{ one: 1n }]);
});

it.each([
  ['another issuer', { iss: 'https://another.example' }, ours],
  ['another key', {}, another],
  ['another subject', { sub: 'dbt' }, ours],
  ['another audience', { aud: 'sts.amazonaws.com' }, ours],
])('[R166] is refused with a token of %s, and the error does not have the token', async (_, claims, pair) => {
  const token = rotate(claims, pair?.privateKey);
  const error = await logIn().then(
    () => new Error('logged in'),
    (reason) => reason,
  );
  expect(error).toMatchObject({ name: 'SnowflakeRefusedError', exitCode: 3 });
  expect(error.message).not.toContain(token);
});

it('[R166] waits for a file that is missing for a moment', async () => {
  rmSync(tokenFile, { force: true });
  await expect(logIn()).rejects.toMatchObject({ name: 'WarehouseUnavailableError', retriable: true });
});

it('[R166] is how dbt logs in, too', async () => {
  const dbt = async () => {
    const args = [join(root, 'transform/dbt/cold.py'), 'debug', '--connection'];
    const paths = { DBT_PROJECT_DIR: join(root, 'dbt'), DBT_PROFILES_DIR: join(root, 'dbt') };
    const places = { DBT_TARGET_PATH: folder, DBT_LOG_PATH: folder, PATH: process.env['PATH'], HOME: folder };
    const env = { ...places, ...paths, ...allowed, ...snowflakeEnvironment(settings()), MAX_CON_RETRY_ATTEMPTS: '1' };
    const running = promisify(execFile)(join(root, '.tools/dbt/bin/python'), args, { env });
    return await running.then(
      ({ stdout }) => stdout,
      ({ stdout }) => stdout as string,
    );
  };
  rotate();
  expect(await dbt()).toContain('OK connection ok');
  const token = rotate({ sub: 'another' });
  const refused = await dbt();
  expect(refused).toContain('workload identity token is invalid');
  expect(refused).not.toContain(token);
});
