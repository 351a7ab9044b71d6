import type { z } from 'zod';
import { schemaRegistryGroup } from '../kafka/schema-registry/settings.ts';
import { kafkaGroup } from '../kafka/settings.ts';
import { messageOf } from '../runtime/errors.ts';
import { readSmallFile } from '../runtime/path-settings.ts';
import { Secret, secretsOfUrl } from '../runtime/secret.ts';
import type { Kind, Setting, SettingsGroup } from '../runtime/setting.ts';
import { networkGroup, processGroup } from '../runtime/settings.ts';
import { sandboxGroup } from '../sandbox/settings.ts';
import { tmdbGroup } from '../tmdb/settings.ts';
import { tokenBucketGroup } from '../tmdb/token-bucket/store-settings.ts';
import { warehouseGroups } from '../warehouse/registry.ts';
import { warehouseGroup } from '../warehouse/settings.ts';
import { dashboardGroup } from './dashboard-settings.ts';
import { dataDirGroup } from './data-dir-settings.ts';
import { scheduleGroup } from './schedule-settings.ts';

/** All settings, each owned by the part that uses it. docs/configuration.md has them in this order. */
export const groups = {
  tmdb: tmdbGroup,
  tokenBucket: tokenBucketGroup,
  kafka: kafkaGroup,
  schemaRegistry: schemaRegistryGroup,
  dataDir: dataDirGroup,
  schedule: scheduleGroup,
  warehouse: warehouseGroup,
  ...warehouseGroups,
  dashboard: dashboardGroup,
  process: processGroup,
  network: networkGroup,
  sandbox: sandboxGroup,
} as const satisfies Readonly<Record<string, SettingsGroup>>;

type Groups = typeof groups;

/** The values of each group. */
export type Values = { readonly [Name in keyof Groups]: z.infer<Groups[Name]['schema']> };

export const allSettings: readonly Setting<unknown>[] = Object.values<SettingsGroup>(groups).flatMap(({ settings }) =>
  Object.values(settings),
);

/** Settings whose value must not be printed. `NAME_FILE` can name a file with the value, as containers provide secrets. */
const secretSettings = allSettings.filter(({ kind }) => kind.secretsOf !== undefined);

export const secretNames: readonly string[] = secretSettings.map(({ name }) => name);

/** Variables that other programs also read in lower case. */
export const namesInEitherCase: readonly string[] = allSettings
  .filter(({ isAlsoLowerCase }) => isAlsoLowerCase)
  .map(({ name }) => name);

/** Texts by variable. */
export type Texts = Readonly<Record<string, string | undefined>>;

/** The texts, with secrets read from their files. A secret must not be given both as a value and as a file. */
export function withSecretFiles(given: Texts): { readonly texts: Texts; readonly mistakes: readonly string[] } {
  const texts = { ...given };
  const mistakes: string[] = [];
  for (const name of secretNames) {
    const file = given[`${name}_FILE`];
    if (file === undefined) continue;
    if (given[name] !== undefined) mistakes.push(`${name}: give ${name} or ${name}_FILE, not both`);
    try {
      // An empty file means that the secret is not set: a container has the file even without a value.
      texts[name] = readSmallFile(file).trim() || undefined;
    } catch (error) {
      mistakes.push(`${name}_FILE: ${messageOf(error)}`);
    }
  }
  return { texts, mistakes };
}

/** The values of the groups without mistakes, and all mistakes. */
export function parseGroups(texts: Texts): { readonly values: Partial<Values>; readonly mistakes: readonly string[] } {
  const values: Record<string, unknown> = {};
  const mistakes: string[] = [];
  for (const [groupName, { settings, schema }] of Object.entries<SettingsGroup>(groups)) {
    const given = Object.entries(settings).map(([property, { name }]) => [property, texts[name]] as const);
    const parsed = schema.safeParse(Object.fromEntries(given));
    if (parsed.success) values[groupName] = parsed.data;
    for (const { path, message } of parsed.error?.issues ?? []) {
      mistakes.push(`${settings[String(path[0])]?.name}: ${message}`);
    }
  }
  return { values: values as Partial<Values>, mistakes };
}

/** Everything in valid texts that must not appear in any output. */
export const secretsIn = (texts: Texts): Secret[] =>
  secretSettings.flatMap(({ name, kind }) => {
    const value = texts[name] === undefined ? undefined : kind.schema.parse(texts[name]);
    return value instanceof Secret ? [...(kind.secretsOf?.(value) ?? [])] : [];
  });

/** The secrets as they are given, valid or not, and everything in them that another setting could repeat. */
export const rawSecretsIn = (texts: Texts): Secret[] =>
  secretSettings.flatMap((setting) => {
    const names = [setting.name, ...(setting.isAlsoLowerCase ? [setting.name.toLowerCase()] : [])];
    const given = names.map((name) => texts[name]).filter((text) => text !== undefined);
    return given.flatMap((text) => rawForms(setting.kind, text));
  });

/** A text without the quotes around it, which Docker keeps in a file of variables. */
const unquoted = /^(["'])(.*)\1$/s;
/** The password of a URL that may be invalid. */
const passwordOfUrl = /^(?:[^/]*:\/\/)?[^/@:]*:(.+)@/s;

function rawForms({ schema, secretsOf }: Kind<unknown>, text: string): Secret[] {
  const trimmed = text.trim();
  const bare = unquoted.exec(trimmed)?.[2]?.trim() ?? trimmed;
  const password = secretsOf === secretsOfUrl ? passwordOfUrl.exec(bare)?.[1] : undefined;
  const { data } = schema.safeParse(bare);
  const parts = data instanceof Secret ? (secretsOf?.(data) ?? []) : [];
  const forms = [text, trimmed, bare, password].filter((form) => form !== undefined);
  return [...forms.map((form) => new Secret(form)), ...parts];
}
