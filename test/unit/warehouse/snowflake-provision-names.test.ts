import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { provisionSettings } from '../../../commands/actions/warehouse-provision.ts';
import { loadConfig } from '../../../platform/config.ts';
import { UsageError } from '../../../runtime/errors.ts';
import { part, unquoted } from '../../../warehouse/snowflake/provision/identifiers.ts';
import { type Names, parseNames } from '../../../warehouse/snowflake/provision/names.ts';
import { parsePublicKey, readPublicKey } from '../../../warehouse/snowflake/provision/public-key.ts';
import { names, newKeyPair } from '../../support/snowflake/provision-settings.ts';

const givenBy = Object.fromEntries(Object.keys(names).map((key) => [key, `--${key}`])) as Record<keyof Names, string>;

/** The options of `warehouse provision` without arguments. */
const options = {
  ...{ print: true, check: false, json: false, creditQuota: 100, analystRole: undefined },
  ...{ loaderKey: undefined, loaderKey2: undefined, dbtKey: undefined, dbtKey2: undefined },
  ...{ dashboardKey: undefined, dashboardKey2: undefined, dashboardRole: undefined, dashboardWarehouse: undefined },
  ...{ deRole: names.engineerRole, loaderRole: names.loaderRole, dbtRole: names.dbtRole },
  ...{
    loaderUser: names.loaderUser,
    dbtUser: names.dbtUser,
    dashboardUser: names.dashboardUser,
    monitor: names.monitor,
  },
};

describe('the role of analysts', () => {
  const { snowflakeNames } = loadConfig({ SNOWFLAKE_ANALYST_ROLE: 'readers' });

  it('is the one that dbt grants GOLD to, unless an option names another', () => {
    expect(provisionSettings(snowflakeNames, options).names).toEqual({ ...names, analystRole: 'READERS' });
    const other = provisionSettings(snowflakeNames, { ...options, analystRole: 'OTHERS' });
    expect(other.names.analystRole).toBe('OTHERS');
  });

  it('is refused by the name of the setting or option that gives it', () => {
    const own = { ...snowflakeNames, analystRole: 'PUBLIC' };
    expect(() => provisionSettings(own, options)).toThrow(/^SNOWFLAKE_ANALYST_ROLE: PUBLIC is/);
    expect(() => provisionSettings(own, { ...options, analystRole: 'PUBLIC' })).toThrow(/^--analyst-role: PUBLIC is/);
  });
});

describe('the role and the virtual warehouse of the dashboard', () => {
  const provisioned = (settings: Record<string, string>, given = {}) =>
    provisionSettings(loadConfig(settings).snowflakeNames, { ...options, ...given }).names;

  it('are those with which it reads GOLD, unless an option names others', () => {
    expect(provisioned({})).toEqual(names);
    const settings = { SNOWFLAKE_DASHBOARD_ROLE: 'viewer', SNOWFLAKE_DASHBOARD_WAREHOUSE: 'view_wh' };
    expect(provisioned(settings)).toMatchObject({ dashboardRole: 'VIEWER', dashboardWarehouse: 'VIEW_WH' });
    expect(provisioned(settings, { dashboardRole: 'OTHER' }).dashboardRole).toBe('OTHER');
  });

  it('are not the ones of analysts and of dbt', () => {
    expect(() => provisioned({ SNOWFLAKE_DASHBOARD_ROLE: 'ANALYST_ROLE' })).toThrow('have to be different');
    expect(() => provisioned({ SNOWFLAKE_DASHBOARD_WAREHOUSE: 'LECTURE_TRANSFORM_WH' })).toThrow(
      'SNOWFLAKE_TRANSFORM_WAREHOUSE, SNOWFLAKE_DASHBOARD_WAREHOUSE have to be different',
    );
  });
});

describe('names', () => {
  it('are in upper case, like unquoted names in Snowflake', () => {
    expect(parseNames({ ...names, database: 'lecture_$2' }, givenBy).database).toBe('LECTURE_$2');
  });

  it('may be one virtual warehouse for both', () => {
    const given = { ...names, transformWarehouse: 'lecture_ingest_wh' };
    expect(parseNames(given, givenBy)).toEqual({ ...names, transformWarehouse: names.ingestWarehouse });
  });

  it.each<[string, Partial<Names>, string]>([
    [
      'a quote',
      { database: 'x" --' },
      '--database takes a name of letters, digits, _ and $, and no digit first, not "x\\" --"',
    ],
    ['a point', { database: 'A.B' }, '--database takes'],
    ['a digit first', { monitor: '1X' }, '--monitor takes'],
    ['nothing', { monitor: '' }, '--monitor takes'],
    ['a role of Snowflake’s', { engineerRole: 'sysadmin' }, "--engineerRole: SYSADMIN is a role of Snowflake's own"],
    ['one role twice', { analystRole: 'de_role' }, 'have to be different'],
  ])('are refused with %s', (_, given, message) => {
    expect(() => parseNames({ ...names, ...given }, givenBy)).toThrow(UsageError);
    expect(() => parseNames({ ...names, ...given }, givenBy)).toThrow(message);
  });

  it('that are invalid are all reported at once', () => {
    expect(() => parseNames({ ...names, database: '', monitor: '?' }, givenBy)).toThrow(/--database[\s\S]*--monitor/);
  });

  it('are compared without unnecessary quotes', () => {
    expect(unquoted('"LECTURE_DE"."GOLD".<TABLE>')).toBe('LECTURE_DE.GOLD.<TABLE>');
    expect(unquoted('LECTURE_DE.GOLD."a b"')).toBe('LECTURE_DE.GOLD."a b"');
    expect([part('A_1'), part('a b'), part('x"y')]).toEqual(['A_1', '"a b"', '"x""y"']);
  });
});

describe('a public key', () => {
  const { publicKey, privateKey } = newKeyPair();

  it('is passed to Snowflake without its first and last line', () => {
    const { text, fingerprint } = parsePublicKey(publicKey, '--loader-key');
    expect(text).toBe(publicKey.replaceAll(/-----.*-----|\s/g, ''));
    expect(fingerprint).toMatch(/^SHA256:[\w+/]{43}=$/);
  });

  it('must not be a private key, which is refused and not shown', () => {
    const refused = () => parsePublicKey(privateKey, '--loader-key');
    expect(refused).toThrow(UsageError);
    expect(refused).toThrow('--loader-key: this is a PRIVATE key');
    const lines = privateKey.split('\n').filter((line) => !line.startsWith('-----') && line !== '');
    const message = String(attempt(refused));
    for (const line of lines) expect(message).not.toContain(line);
  });

  it('is refused if it is not a key, is another kind of key, or is too short', () => {
    const short = generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey.export({
      type: 'spki',
      format: 'pem',
    });
    const curve = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' });
    expect(() => parsePublicKey('hello', '--dbt-key')).toThrow('--dbt-key: this is not an RSA public key');
    expect(() => parsePublicKey('-----BEGIN PUBLIC KEY-----\nhello', '--dbt-key')).toThrow('not an RSA public key');
    expect(() => parsePublicKey(String(curve), '--dbt-key')).toThrow('not an RSA public key');
    expect(() => parsePublicKey(String(short), '--dbt-key')).toThrow('this key has 1024 bits');
  });

  it('is read from a file, whose name is not shown if that fails', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'tmdb-stream-key-')), 'loader.pub');
    writeFileSync(file, publicKey);
    expect(readPublicKey(file, '--loader-key')).toEqual(parsePublicKey(publicKey, '--loader-key'));
    expect(attempt(() => readPublicKey(privateKey, '--loader-key'))?.message).toMatch(
      /^--loader-key: has a line break/,
    );
  });
});

function attempt(action: () => unknown): Error | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}
