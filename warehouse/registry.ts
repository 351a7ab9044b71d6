import { duckDb } from './duckdb/kind.ts';
import type { Surroundings, WarehouseFile, WarehouseKind, WarehouseUse } from './kind.ts';
import { snowflake } from './snowflake/kind.ts';
import type { WarehouseSystem } from './system.ts';

/** All warehouses, by the value of WAREHOUSE that chooses them. Everything else about a warehouse is in its folder. */
export const warehouses = {
  duckdb: duckDb,
  snowflake,
} as const satisfies Readonly<Record<string, WarehouseKind>>;

type Warehouses = typeof warehouses;

export type WarehouseName = keyof Warehouses;

export const warehouseNames = Object.keys(warehouses) as [WarehouseName, ...WarehouseName[]];

/** The kinds without the types of their settings: `ChosenWarehouse` has the settings that its kind takes. */
const kinds: Readonly<Record<WarehouseName, WarehouseKind>> = warehouses;

/** The settings groups of all warehouses, which are read whichever is chosen. */
export const warehouseGroups = Object.fromEntries(warehouseNames.map((name) => [name, kinds[name].group])) as {
  readonly [Name in WarehouseName]: Warehouses[Name]['group'];
};

/** The chosen warehouse, and its settings in the property with its name. The other properties are absent. */
export type ChosenWarehouse = { readonly kind: WarehouseName } & {
  readonly [Name in WarehouseName]?: ReturnType<Warehouses[Name]['settings']>;
};

/** A line for each mistake of the settings if this warehouse is chosen. @param given the valid values of its group. */
export function* mistakesOf(kind: WarehouseName, given: unknown): Generator<string> {
  const { settings } = kinds[kind].group;
  for (const [property, message] of kinds[kind].mistakes(given)) yield `${settings[property]?.name}: ${message}`;
}

/** @param given the values of its group, without mistakes. */
export const chooseWarehouse = (kind: WarehouseName, given: unknown, surroundings: Surroundings): ChosenWarehouse => ({
  kind,
  [kind]: kinds[kind].settings(given, surroundings),
});

/** Connects to nothing yet. */
export const openWarehouse = (chosen: ChosenWarehouse, use: WarehouseUse): WarehouseSystem =>
  kinds[chosen.kind].open(chosen[chosen.kind], use);

/** The files of this machine that the chosen warehouse writes. */
export const filesOf = (chosen: ChosenWarehouse): readonly WarehouseFile[] =>
  kinds[chosen.kind].files(chosen[chosen.kind]);

/** The title of the chosen warehouse, and the server that it reaches; null if it reaches none. */
export const serverOf = (chosen: ChosenWarehouse): { readonly title: string; readonly url: string } | null => {
  const { group, server } = kinds[chosen.kind];
  const url = server(chosen[chosen.kind]);
  return url === null ? null : { title: group.title, url };
};
