import type { z } from 'zod';
import { objectOf, type SettingsGroup, setting } from '../runtime/setting.ts';
import { bytes, choice, count, duration } from '../runtime/setting-kinds.ts';
import { parseDuration } from '../runtime/units.ts';
import { type WarehouseName, warehouseNames, warehouses } from './registry.ts';

const defaultKind: WarehouseName = 'duckdb';

/** The default warehouse's limit, and those of the others. */
const defaultMaxAges = [
  `\`${warehouses[defaultKind].defaultMaxAge}\``,
  ...warehouseNames
    .filter((name) => warehouses[name].defaultMaxAge !== warehouses[defaultKind].defaultMaxAge)
    .map((name) => `on ${warehouses[name].group.title} \`${warehouses[name].defaultMaxAge}\``),
].join(', ');

const settings = {
  kind: setting({
    name: 'WAREHOUSE',
    kind: choice(...warehouseNames),
    default: defaultKind,
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
    defaultNote: defaultMaxAges,
  }),
};

const schema = objectOf(settings).transform(({ kind, maxRows, maxBytes, maxAgeMs }) => ({
  kind,
  load: { maxRows, maxBytes, maxAgeMs: maxAgeMs ?? (parseDuration(warehouses[kind].defaultMaxAge) as number) },
}));

/** When a micro-batch is loaded: when it reaches the first of these limits. */
export type LoadSettings = Readonly<z.infer<typeof schema>['load']>;

export const warehouseGroup = {
  title: 'Warehouse and loader',
  prefixes: ['LOAD_'],
  settings,
  schema,
} satisfies SettingsGroup;
