import { z } from 'zod';

/**
 * What commands print with `--json` is defined once, as a zod schema: its type is that of the value in the program, its JSON Schema is in
 * docs/json. Keys are in camelCase, and each has a description.
 */

/** ISO 8601 has four digits for a year. */
const [firstMs, lastMs] = [Date.parse('0000-01-01T00:00:00Z'), Date.parse('9999-12-31T23:59:59.999Z')];

/**
 * A time: a Date in the program, ISO 8601 in UTC in JSON, such as `2026-05-01T12:00:00.000Z`. A foreign record can have any time: one that
 * ISO 8601 cannot express becomes the first or the last one that it can.
 */
export const time = z.codec(z.iso.datetime(), z.date(), {
  decode: (text) => new Date(text),
  encode: (date) => new Date(Math.min(Math.max(date.getTime(), firstMs), lastMs)).toISOString(),
});

/** An offset of Kafka: a bigint in the program, a number in JSON, which is exact up to 2^53. */
export const offset = z.codec(z.number(), z.bigint(), {
  decode: (number) => BigInt(number),
  encode: (exact) => Number(exact),
});

/** A number of things. */
export const count = z.int();

type DeepReadonly<T> = T extends Date | bigint
  ? T
  : T extends readonly (infer Item)[]
    ? readonly DeepReadonly<Item>[]
    : T extends object
      ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
      : T;

/** The type of a value of this shape in the program. */
export type ValueOf<Shape extends z.ZodType> = DeepReadonly<z.output<Shape>>;
