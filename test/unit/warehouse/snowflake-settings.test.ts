import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type Config, loadConfig } from '../../../platform/config.ts';

const pem = (type: 'rsa' | 'ec', cipher?: { cipher: string; passphrase: string }): string => {
  const { privateKey } =
    type === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2_048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem', ...cipher }).toString();
};
const key = pem('rsa');
const locked = pem('rsa', { cipher: 'aes-256-cbc', passphrase: 'canary-passphrase' });

const base = { WAREHOUSE: 'snowflake', SNOWFLAKE_ACCOUNT: 'ORG-ACCOUNT', SNOWFLAKE_USER: 'LECTURE_LOADER' };
const load = (more: NodeJS.ProcessEnv): Config => loadConfig({ ...base, ...more });
const mistakes = (more: NodeJS.ProcessEnv): string => {
  try {
    loadConfig({ ...base, ...more });
  } catch (error) {
    return (error as Error).message;
  }
  return 'none';
};

describe('the settings of Snowflake', () => {
  it('are all required, and all missing ones are reported at once', () => {
    const text = mistakes({ SNOWFLAKE_ACCOUNT: '', SNOWFLAKE_USER: '' });
    for (const name of ['SNOWFLAKE_ACCOUNT', 'SNOWFLAKE_USER', 'SNOWFLAKE_PRIVATE_KEY']) expect(text).toContain(name);
    expect(text).toContain('3 mistake(s)');
  });

  it('have the names of the provisioned objects as default', () => {
    const { snowflake } = load({ SNOWFLAKE_TOKEN: 'made-up' }).warehouse;
    expect(snowflake).toMatchObject({
      database: 'LECTURE_DE',
      ingestWarehouse: 'LECTURE_INGEST_WH',
      transformWarehouse: 'LECTURE_TRANSFORM_WH',
      analystRole: 'ANALYST_ROLE',
      role: undefined,
    });
  });

  it('are not checked if the warehouse is DuckDB', () => {
    expect(loadConfig({ SNOWFLAKE_PASSWORD: 'x' }).warehouse.snowflake).toBeUndefined();
  });

  it.each([
    [
      'a key pair before all others',
      { SNOWFLAKE_PRIVATE_KEY: key, SNOWFLAKE_TOKEN: 't', SNOWFLAKE_PASSWORD: 'p' },
      'key pair',
    ],
    ['a token before a password', { SNOWFLAKE_TOKEN: 't', SNOWFLAKE_PASSWORD: 'p' }, 'token'],
    ['a password when it is allowed', { SNOWFLAKE_PASSWORD: 'p', SNOWFLAKE_ALLOW_PASSWORD: 'true' }, 'password'],
    [
      'a key with its passphrase',
      { SNOWFLAKE_PRIVATE_KEY: locked, SNOWFLAKE_PRIVATE_KEY_PASSPHRASE: 'canary-passphrase' },
      'key pair',
    ],
  ])('take %s', (_, more, kind) => {
    expect(load(more).warehouse.snowflake?.credentials.kind).toBe(kind);
  });

  it.each([
    ['a plain password', { SNOWFLAKE_PASSWORD: 'canary' }, 'SNOWFLAKE_ALLOW_PASSWORD=true'],
    ['a text that is not a key', { SNOWFLAKE_PRIVATE_KEY: 'canary' }, 'expected a private RSA key'],
    ['a key of another kind', { SNOWFLAKE_PRIVATE_KEY: pem('ec') }, 'expected an RSA key, this one is ec'],
    ['a key without its passphrase', { SNOWFLAKE_PRIVATE_KEY: locked }, 'SNOWFLAKE_PRIVATE_KEY_PASSPHRASE'],
    ['a name that would need quotes', { SNOWFLAKE_TOKEN: 't', SNOWFLAKE_DATABASE: 'a; drop' }, 'SNOWFLAKE_DATABASE'],
    ['a URL without encryption', { SNOWFLAKE_TOKEN: 't', SNOWFLAKE_URL: 'http://canary.example' }, 'expected https'],
    ['a URL with a password', { SNOWFLAKE_TOKEN: 't', SNOWFLAKE_URL: 'https://u:canary@x.example' }, 'SNOWFLAKE_URL'],
  ])('refuse %s, and do not quote it', (_, more, hint) => {
    expect(mistakes(more)).toContain(hint);
    expect(mistakes(more)).not.toContain('canary');
  });

  it.each(['127.0.0.1', '127.9.8.7', 'localhost', '[::1]'])('accept http to this machine: %s', (host) => {
    const { snowflake } = load({ SNOWFLAKE_TOKEN: 't', SNOWFLAKE_URL: `http://${host}:8080` }).warehouse;
    expect(snowflake?.url).toBe(`http://${host}:8080`);
  });

  it.each([
    ...['10.0.0.1', '192.168.1.9', '169.254.3.4', '[fd12::1]', '[fe80::1]', '[::ffff:127.0.0.1]'],
    ...['snowflake', 'x.localhost', 'localhost.example', '127.0.0.1.example', 'nas.local', '0.0.0.0', '[::2]'],
  ])('refuse http to any other host, allowed or not: %s', (host) => {
    const url = { SNOWFLAKE_TOKEN: 't', SNOWFLAKE_URL: `http://${host}` };
    const allowed = { ALLOW_CLEARTEXT_TO: host.replace(/^\[|\]$/g, '') };
    expect(mistakes(url)).toContain('SNOWFLAKE_URL: expected https');
    expect(mistakes({ ...url, ...allowed })).toContain('SNOWFLAKE_URL: expected https');
  });

  it('can be given as files', () => {
    const folder = mkdtempSync(join(tmpdir(), 'snowflake-config-'));
    try {
      writeFileSync(join(folder, 'key.pem'), key);
      const { credentials } = load({ SNOWFLAKE_PRIVATE_KEY_FILE: join(folder, 'key.pem') }).warehouse.snowflake ?? {};
      expect(credentials?.kind === 'key pair' && credentials.privateKey.reveal()).toBe(key.trim());
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('are printed without secrets, and every line of the key is a secret', () => {
    const config = load({ SNOWFLAKE_PRIVATE_KEY: key });
    const lines = key.trim().split('\n').slice(1, -1);
    const printed = `${inspect(config, { depth: 9 })} ${JSON.stringify(config)}`;
    for (const line of lines) expect(printed).not.toContain(line);
    const secrets = config.secrets.map((one) => one.reveal());
    expect(secrets).toEqual(expect.arrayContaining([key.trim(), lines.join(''), ...lines.slice(0, -1)]));
  });

  it('delay a flush for 15 minutes, where the embedded warehouse delays it for a second', () => {
    expect(load({ SNOWFLAKE_TOKEN: 't' }).load.maxAgeMs).toBe(900_000);
    expect(load({ SNOWFLAKE_TOKEN: 't', LOAD_MAX_AGE: '1m' }).load.maxAgeMs).toBe(60_000);
    expect(loadConfig({}).load.maxAgeMs).toBe(1_000);
  });
});
