import type { z } from 'zod';
import { objectOf, type SettingsGroup, setting } from '../runtime/setting.ts';
import { bytes, choice, count, duration } from '../runtime/setting-kinds.ts';
import { parseDuration } from '../runtime/units.ts';

/** Each flush keeps Snowflake's virtual warehouse awake, which is what costs money: see docs/cost.md. */
const defaultMaxAge = { duckdb: '1s', snowflake: '1m' } as const;

const settings = {
  kind: setting({
    name: 'WAREHOUSE',
    kind: choice('duckdb', 'snowflake'),
    default: 'duckdb',
    meaning: 'Where BRONZE, SILVER and GOLD are.',
  }),
  maxRows: setting({
    name: 'LOAD_MAX_ROWS',
    kind: count,
    default: '20000',
    meaning: 'A micro-batch is loaded when it has this many rows.',
  }),
  maxBytes: setting({
    name: 'LOAD_MAX_BYTES',
    kind: bytes,
    default: '64MB',
    meaning: 'A micro-batch is loaded when it has this size.',
  }),
  maxAgeMs: setting({
    name: 'LOAD_MAX_AGE',
    kind: duration,
    meaning: 'A micro-batch is loaded when its oldest row has waited this long. On Snowflake this decides the cost.',
    see: 'docs/cost.md',
    defaultNote: `\`${defaultMaxAge.duckdb}\`, on Snowflake \`${defaultMaxAge.snowflake}\``,
  }),
};

const schema = objectOf(settings).transform(({ kind, maxRows, maxBytes, maxAgeMs }) => ({
  kind,
  load: { maxRows, maxBytes, maxAgeMs: maxAgeMs ?? (parseDuration(defaultMaxAge[kind]) as number) },
}));

/** When a micro-batch is loaded: when it reaches the first of these limits. */
export type LoadSettings = Readonly<z.infer<typeof schema>['load']>;

export const warehouseGroup = {
  title: 'Warehouse and loader',
  prefixes: ['LOAD_'],
  settings,
  schema,
} satisfies SettingsGroup;
