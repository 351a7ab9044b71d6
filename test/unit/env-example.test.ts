import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../platform/config.ts';
import { allSettings } from '../../platform/settings.ts';

const lines = readFileSync(join(import.meta.dirname, '../../.env.example'), 'utf8').split('\n');
const setting = /^# ?([A-Z][A-Z0-9_]*=.*)$/;
const settings = lines.flatMap((line) => setting.exec(line)?.[1] ?? []);

describe('.env.example', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-env-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  /** Parses a `.env` file like Node. */
  const read = (text: string) => {
    const file = join(folder, '.env');
    writeFileSync(file, text);
    return parseEnv(readFileSync(file, 'utf8'));
  };

  it('sets nothing by itself, and has a line with the default of each setting that .env can set', () => {
    expect(read(lines.join('\n'))).toEqual({});
    const expected = allSettings.filter(({ isReadByNode }) => !isReadByNode);
    expect(expected.length).toBeGreaterThan(45);
    expect(settings).toEqual(expected.map(({ name, ...others }) => `${name}=${others.default ?? ''}`));
  });

  it.each(settings)('works with "%s" uncommented alone', (line) => {
    const env = read(lines.map((other) => (other.endsWith(line) ? line : other)).join('\n'));
    expect(Object.entries(env).map(([name, value]) => `${name}=${value}`)).toEqual([line]);
    expect(loadConfig(env).origin).toBe('generated');
  });

  it('[R107] works with every line uncommented', () => {
    const env = read(lines.map((line) => setting.exec(line)?.[1] ?? line).join('\n'));
    expect(Object.keys(env)).toHaveLength(settings.length);
    expect(loadConfig(env).origin).toBe('generated');
  });
});
