import { describe, expect, it } from 'vitest';
import { allSettings, groups, secretNames } from '../../../platform/settings.ts';
import { Secret } from '../../../runtime/secret.ts';
import type { SettingsGroup } from '../../../runtime/setting.ts';

const named = allSettings.map((setting) => [setting.name, setting] as const);

describe('the settings', () => {
  it('have unique names', () => {
    const names = allSettings.map(({ name }) => name);
    expect(names.length).toBeGreaterThan(45);
    expect(names).toEqual([...new Set(names)]);
  });

  it.each(named)('%s has a description in sentences, and the form of its value', (_, { meaning, form }) => {
    expect(meaning).toMatch(/^[A-Z].*\.$/);
    expect(form).not.toBe('');
  });

  it.each(named)('%s has a valid default or none', (_, { schema, kind, ...others }) => {
    const text = others.default;
    expect(text === undefined || others.defaultNote === undefined, 'a default or a note, not both').toBe(true);
    if (text === undefined) return expect(schema.parse(undefined)).toBeUndefined();
    expect(kind.schema.parse(text)).toEqual(schema.parse(undefined));
  });

  it.each(named)('%s is marked as a secret exactly if its value is one', (name, { kind }) => {
    const samples = ['redis://:pass@127.0.0.1:6379', 'http://me:pass@127.0.0.1:3128', 'text'];
    const values = samples.map((text) => kind.schema.safeParse(text)).filter(({ success }) => success);
    expect(values.some(({ data }) => data instanceof Secret)).toBe(kind.secretsOf !== undefined);
    expect(secretNames.includes(name)).toBe(kind.secretsOf !== undefined);
  });

  it('give each prefix of their group at least one name', () => {
    for (const { prefixes, settings } of Object.values<SettingsGroup>(groups)) {
      const names = Object.values(settings).map(({ name }) => name);
      for (const prefix of prefixes) expect(names.filter((name) => name.startsWith(prefix))).not.toEqual([]);
    }
  });
});
