/** Values in a row of a WarehouseReader, by the type that a shape needs. SQL's NULL is null. */

const orNull =
  <T>(convert: (value: unknown) => T) =>
  (value: unknown): T | null =>
    value === null || value === undefined ? null : convert(value);

export const numberOrNull = orNull(Number);

export const textOrNull = orNull(String);

export const timeOrNull = orNull((value) => new Date(String(value)));
