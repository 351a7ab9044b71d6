import type { z } from 'zod';
import { objectOf, type SettingsGroup, setting } from '../runtime/setting.ts';
import { count, integer, path } from '../runtime/setting-kinds.ts';

const settings = {
  catalogueFile: setting({
    name: 'SANDBOX_CATALOGUE',
    kind: path('file to read'),
    meaning: 'Recorded movie details for the sandbox to serve: NDJSON, also as `.gz`.',
    defaultNote: 'invented movies',
  }),
  movies: setting({
    name: 'SANDBOX_MOVIES',
    kind: count,
    default: '10000',
    meaning: 'Number of invented movies.',
  }),
  seed: setting({
    name: 'SANDBOX_SEED',
    kind: integer(),
    default: '1',
    meaning: 'Seed of the invented movies: the same seed gives the same movies.',
  }),
};

const schema = objectOf(settings);

/** What a sandbox has that is not configured. */
export const sandboxDefaults = schema.parse({});

export type SandboxSettings = Readonly<z.infer<typeof schema>>;

export const sandboxGroup = { title: 'Sandbox', prefixes: ['SANDBOX_'], settings, schema } satisfies SettingsGroup;
