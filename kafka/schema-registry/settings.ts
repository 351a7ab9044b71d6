import type { z } from 'zod';
import { objectOf, type SettingsGroup, setting } from '../../runtime/setting.ts';
import { httpUrl, secret, text } from '../../runtime/setting-kinds.ts';
import type { SchemaRegistryAccess } from './registry-client.ts';

const settings = {
  url: setting({
    name: 'SCHEMA_REGISTRY_URL',
    kind: { schema: httpUrl('https://registry.example.com'), form: 'URL such as `https://registry.example.com`' },
    meaning:
      "A schema registry with Confluent's API. With it, records are written in Confluent's format, and their schemas are registered as " +
      '`TOPIC-value`. It is reached through HTTPS_PROXY, as TMDb is.',
    see: 'docs/services.md#schema-registry',
    defaultNote: "records are written in Avro's single-object encoding",
  }),
  username: setting({
    name: 'SCHEMA_REGISTRY_USERNAME',
    kind: text,
    meaning: 'The user, or the API key, at the registry. It needs SCHEMA_REGISTRY_PASSWORD.',
  }),
  password: setting({
    name: 'SCHEMA_REGISTRY_PASSWORD',
    kind: secret,
    meaning: 'The password, or the secret of the API key, at the registry.',
  }),
};

const schema = objectOf(settings)
  .check(({ value: { url, username, password }, issues }) => {
    const complain = (property: keyof typeof settings, message: string) =>
      issues.push({ code: 'custom', path: [property], message, input: undefined });
    if (Boolean(username) !== Boolean(password))
      complain('username', 'set SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD, or neither');
    if (username && !url) complain('username', 'needs SCHEMA_REGISTRY_URL');
  })
  .transform(({ url, username, password }): SchemaRegistryAccess | null => {
    if (!url) return null;
    return { url, login: username && password ? { username, password } : null };
  });

/** How the schema registry is reached; null without one. */
export type SchemaRegistrySettings = z.infer<typeof schema>;

export const schemaRegistryGroup = {
  title: 'Schema registry',
  prefixes: ['SCHEMA_REGISTRY_'],
  settings,
  schema,
} satisfies SettingsGroup;
