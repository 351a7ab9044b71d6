import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadConfig, readEnvironment } from '../../../platform/config.ts';
import { goldCopyMistakes, placesOf, preparePlaces } from '../../../platform/places.ts';
import { allSettings, secretNames } from '../../../platform/settings.ts';
import { foreignVariables } from '../../../platform/unknown-settings.ts';
import { ExitCode, IngestError, UsageError } from '../../../runtime/errors.ts';
import { makeFolder } from '../../../runtime/make-folder.ts';
import { maxSmallFileBytes } from '../../../runtime/path-settings.ts';
import { createAuthority } from '../../support/kafka/certificates.ts';
import { outcomesUnprivileged } from '../../support/processes/as-unprivileged.ts';
import { productFolders } from '../../support/product-folders.ts';

const folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-paths-'));
const at = (name: string) => join(folder, name);
// A secret of every kind, except a proxy.
writeFileSync(at('file'), 'redis://127.0.0.1:6379');
writeFileSync(at('proxy'), 'http://127.0.0.1:3128');
writeFileSync(at('empty'), '');
writeFileSync(at('large'), 'x'.repeat(maxSmallFileBytes + 1));
mkdirSync(at('folder'));
execFileSync('mkfifo', [at('pipe')]);
symlinkSync(at('nothing'), at('dangling'));
symlinkSync(at('loop'), at('loop'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What each setting must name, by kind; secrets are given as files. */
const kinds: Record<string, string> = {
  ...Object.fromEntries(allSettings.flatMap(({ name, kind }) => (kind.path ? [[name, kind.path]] : []))),
  ...Object.fromEntries(secretNames.map((name) => [`${name}_FILE`, 'secret'])),
};
const isFile = (kind: string) => kind !== 'folder to write' && kind !== 'existing folder';

/** A value, and the kinds of setting for which it is a mistake. */
const faults: Record<string, { value: string; isMistake: (kind: string) => boolean }> = {
  'that does not exist': { value: at('missing-SETTING'), isMistake: (kind) => !/to write|side|rotating/.test(kind) },
  'in a folder that does not exist': {
    value: at('no-SETTING/x'),
    isMistake: (kind) => !/to write|side|rotating/.test(kind),
  },
  'that is a folder': { value: at('folder'), isMistake: isFile },
  'that is a file': { value: at('file'), isMistake: (kind) => !isFile(kind) },
  'below a file': { value: at('file/x'), isMistake: () => true },
  'below /proc': { value: '/proc/x', isMistake: (kind) => kind !== 'rotating file' },
  'that is a pipe': { value: at('pipe'), isMistake: () => true },
  'that is an endless device': { value: '/dev/zero', isMistake: () => true },
  'that is an empty device': { value: '/dev/null', isMistake: () => true },
  'that is a link to nothing': { value: at('dangling'), isMistake: () => true },
  'that is a link to itself': { value: at('loop'), isMistake: () => true },
  'with a name that is too long': { value: at('x'.repeat(300)), isMistake: () => true },
  'with a NUL byte': { value: `${at('file')}\0`, isMistake: () => true },
  'with a line break': { value: `${at('file')}\nx`, isMistake: () => true },
  'with "~"': { value: '~/file', isMistake: () => true },
  'with a space at its end': { value: `${at('file')} `, isMistake: () => true },
  'that is empty': { value: at('empty'), isMistake: (kind) => !isFile(kind) },
  'that is relative and does not exist': {
    value: 'no/such/place',
    isMistake: (kind) => kind === 'file to read' || kind === 'secret',
  },
};

/** All checks of a run before it works, and the check of `doctor` for side outputs. @returns null if there is no mistake. */
function refusal(setting: string, value: string, more: Readonly<Record<string, string>> = {}): IngestError | null {
  try {
    const config = loadConfig({ DATA_DIR: at('data'), [setting]: value, ...more });
    // Relative folders are not created, because they would be below the folder of the tests.
    if (value.startsWith('/')) preparePlaces(placesOf(config, ['broker', 'work files', 'warehouse']));
    return null;
  } catch (error) {
    expect(error).toBeInstanceOf(IngestError);
    return error as IngestError;
  }
}

const client = createAuthority('an authority').issue(['client']);
writeFileSync(at('cert'), client.cert);
writeFileSync(at('key'), client.key);
const proxy = { file: at('proxy') };

/** Secrets of which a file with any text is no good value, or that need other settings beside them. */
const goodSecrets: Readonly<
  Record<string, { readonly file?: string; readonly more?: Readonly<Record<string, string>> }>
> = {
  HTTPS_PROXY_FILE: proxy,
  HTTP_PROXY_FILE: proxy,
  KAFKA_PASSWORD_FILE: { more: { KAFKA_USERNAME: 'u' } },
  SCHEMA_REGISTRY_PASSWORD_FILE: {
    more: { SCHEMA_REGISTRY_USERNAME: 'u', SCHEMA_REGISTRY_URL: 'https://registry.example' },
  },
  KAFKA_OAUTH_CLIENT_SECRET_FILE: {
    more: {
      KAFKA_SASL_MECHANISM: 'oauthbearer',
      KAFKA_OAUTH_TOKEN_URL: 'https://127.0.0.1/token',
      KAFKA_OAUTH_CLIENT_ID: 'us',
    },
  },
  KAFKA_CLIENT_CERT_FILE: { file: at('cert'), more: { KAFKA_CLIENT_KEY: client.key, KAFKA_SSL: 'true' } },
  KAFKA_CLIENT_KEY_FILE: { file: at('key'), more: { KAFKA_CLIENT_CERT: client.cert, KAFKA_SSL: 'true' } },
};

describe.each(Object.entries(kinds))('the setting %s (%s)', (setting, kind) => {
  it.each(Object.entries(faults))(
    '[R107] with a path %s is used, or refused in one line that says what to do',
    (_, fault) => {
      const { isMistake } = fault;
      const good = fault.value === at('file') ? goodSecrets[setting] : undefined;
      const value = good?.file ?? fault.value.replace('SETTING', setting);
      if (kind === 'existing folder' && !value.startsWith('/')) return;
      if (kind === 'side output' && value.startsWith('/') && !value.includes('\0') && !/[\n ]/.test(value)) {
        expect(refusal(setting, value)).toBeNull();
        const mistakes = goldCopyMistakes(loadConfig({ [setting]: value, DATA_DIR: at('data') }));
        expect(mistakes).toHaveLength(isMistake(kind) ? 1 : 0);
        for (const mistake of mistakes) expect(mistake).toMatch(/^DUCKDB_GOLD_PATH: [^\n]+[:;] [^\n]+$/);
        return;
      }
      const error = refusal(setting, value, good?.more);
      if (!isMistake(kind)) return expect(error).toBeNull();
      expect(error?.exitCode).toBe(ExitCode.usage);
      expect(error?.message).toMatch(new RegExp(`^[^\\n]*\\b${setting}: [^\\n]+[:;] [^\\n]+$`));
      if (kind === 'secret') expect(error?.message).not.toContain(folder);
    },
  );
});

describe('the table of settings', () => {
  it('has every setting of the code, the README and the documentation that names a file or folder', () => {
    const root = join(import.meta.dirname, '../../..');
    const sources = productFolders.flatMap((name) =>
      readdirSync(join(root, name), { recursive: true, encoding: 'utf8' })
        .filter((file) => /settings\.ts$/.test(file))
        .map((file) => join(name, file)),
    );
    expect(sources.length).toBeGreaterThan(9);
    const text = ['platform/config.ts', 'README.md', 'docs/configuration.md', '.env.example', ...sources]
      .map((file) => readFileSync(join(root, file), 'utf8'))
      .join('\n');
    const named = text.match(/\b[A-Z][A-Z0-9]*_[A-Z0-9_]*(?:PATH|DIR|FILE|FOLDER|CATALOGUE|CERTS)\b/g) ?? [];
    const others = ['NAME_FILE', ...foreignVariables.flatMap(({ names }) => names)];
    expect(Object.keys(kinds).filter((name) => !name.endsWith('_FILE'))).toHaveLength(6);
    expect([...new Set(named)].filter((name) => !(name in kinds || others.includes(name)))).toEqual([]);
  });
});

describe('a folder that is created', () => {
  it('is refused below /proc, where mkdir of Node tries without end', () => {
    expect(() => makeFolder('/proc/x/y')).toThrow('ENOENT');
  });

  it('is created with its parents, and unchanged if it exists', () => {
    makeFolder(at('a/b/c'));
    writeFileSync(at('a/b/c/kept'), '');
    makeFolder(at('a/b/c'));
    expect(existsSync(at('a/b/c/kept'))).toBe(true);
  });

  it('is never created with the option `recursive`', () => {
    const files = productFolders.flatMap((name) => {
      const place = join(import.meta.dirname, '../../..', name);
      return readdirSync(place, { recursive: true, encoding: 'utf8' }).map((file) => join(place, file));
    });
    const sources = files.filter((file) => file.endsWith('.ts')).map((file) => readFileSync(file, 'utf8'));
    expect(sources.filter((source) => /mkdir(Sync)?\([^)]*recursive/.test(source))).toEqual([]);
  });
});

describe('the file .env', () => {
  it.each([
    ['is a folder', 'folder', /is a folder, expected a file/],
    ['is a pipe', 'pipe', /is a pipe, expected a file/],
    ['is a link to nothing', 'dangling', /symbolic link to a target that does not exist/],
    ['is a link to itself', 'loop', /its symbolic links form a loop/],
  ])('[R107] that %s is refused in one line', (_, name, message) => {
    expect(() => readEnvironment(at(name))).toThrow(UsageError);
    expect(() => readEnvironment(at(name))).toThrow(message);
  });

  it('that does not exist is not a mistake', () => {
    expect(readEnvironment(at('no.env'))).toBe(process.env);
  });
});

describe('a secret in a file', () => {
  it.each([
    ['that is too large', at('large'), /TMDB_TOKEN_FILE: is larger than 64 KB/],
    // The system reports a regular file, which is larger than memory.
    ['of /proc without end', '/proc/kcore', /TMDB_TOKEN_FILE: (is larger than 64 KB|cannot be read)/],
  ])('[R107] %s is read no further than the limit', (_, value, message) => {
    expect(refusal('TMDB_TOKEN_FILE', value)?.message).toMatch(message);
  });
});

describe('a path without permissions', () => {
  it('[R107] is refused for each setting in one line that names it, for a user who is not root', (context) => {
    const outcomes = outcomesUnprivileged(kinds);
    if (typeof outcomes === 'string') return context.skip(outcomes);
    expect(Object.keys(outcomes)).toEqual(Object.keys(kinds));
    for (const [setting, { exitCode, message }] of Object.entries(outcomes)) {
      expect({ setting, exitCode }).toEqual({ setting, exitCode: ExitCode.usage });
      expect(message).toMatch(
        new RegExp(`^[^\\n]*\\b${setting}: [^\\n]*no permission; give this user the right [^\\n]+$`),
      );
    }
  });
});
