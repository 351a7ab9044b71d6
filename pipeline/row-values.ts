/** Values in a row of a WarehouseReader, by the type that a shape needs. SQL's NULL is null. */

const unlessNull =
  <T>(convert: (value: unknown) => T) =>
  (value: unknown): T | null =>
    value === null || value === undefined ? null : convert(value);

export const numberOrNull = unlessNull(Number);

export const textOrNull = unlessNull(String);

export const timeOrNull = unlessNull((value) => new Date(String(value)));
