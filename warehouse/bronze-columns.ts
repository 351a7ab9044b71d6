import { PreconditionError } from '../runtime/errors.ts';

/** A column as a warehouse reports it: names and types in lower case. */
export interface BronzeColumn {
  readonly table: string;
  readonly name: string;
  readonly type: string;
}

/** The columns of the tables in a `bronze.sql`, in order, with columns that a later `alter table` adds at the end. */
export function columnsIn(bronzeSql: string): BronzeColumn[] {
  const sql = bronzeSql.replaceAll(/--.*$/gm, '');
  const created = [...sql.matchAll(/create [\w ]*table if not exists bronze\.(\w+) \(\n([^;]*)\n\)/g)];
  return created.flatMap(([, table = '', body = '']) =>
    body.split('\n').map((line) => {
      const [, name = '', type = ''] = /^\s*(\w+) (\w+)/.exec(line) ?? [];
      return { table, name, type };
    }),
  );
}

/** The columns that a table of an older version lacks at its end; empty if it differs in another way. */
export function columnsToAdd(expected: readonly BronzeColumn[], actual: readonly BronzeColumn[]): BronzeColumn[] {
  const there = Map.groupBy(actual, ({ table }) => table);
  return [...Map.groupBy(expected, ({ table }) => table)].flatMap(([table, columns]) => {
    const found = there.get(table);
    const added = columns.filter(({ name }) => addedLater.has(name));
    const isOlder = found && found.length < columns.length && found.length >= columns.length - added.length;
    return isOlder && !differenceOf(columns.slice(0, found.length), found) ? columns.slice(found.length) : [];
  });
}

/** Columns of a later version: at the end of their table, and NULL in its older rows. */
const addedLater: ReadonlySet<string> = new Set(['requested_at', 'reason', 'traceparent']);

/**
 * Compares BRONZE's tables with the columns that the loader writes. The loader uses their positions, and readers use their names and
 * types. Ignores tables that do not exist.
 * @throws PreconditionError with a line for each table that differs. Nothing was written.
 */
export function refuseOtherColumns(expected: readonly BronzeColumn[], actual: readonly BronzeColumn[]): void {
  const [wanted, there] = [expected, actual].map((columns) => Map.groupBy(columns, ({ table }) => table));
  const lines = [...(wanted ?? [])].flatMap(([table, columns]) => {
    const found = there?.get(table);
    const difference = found && differenceOf(columns, found);
    return difference ? [`  bronze.${table}: ${difference}`] : [];
  });
  if (lines.length === 0) return;
  throw new PreconditionError(
    `BRONZE does not have the columns that the loader needs; nothing was written:\n${lines.join('\n')}\n` +
      'Restore the columns, or load into a new file or database, which is filled from Kafka',
  );
}

function differenceOf(wanted: readonly BronzeColumn[], found: readonly BronzeColumn[]): string | null {
  const text = ({ name, type }: BronzeColumn) => `${name} ${type}`;
  const place = wanted.findIndex((column, index) => {
    const other = found[index];
    return other === undefined || text(other) !== text(column);
  });
  const [expected, actual] = place < 0 ? [undefined, found[wanted.length]] : [wanted[place], found[place]];
  if (!expected && !actual) return null;
  const position = (place < 0 ? wanted.length : place) + 1;
  return `column ${position} is ${actual ? text(actual) : 'missing'}, expected ${expected ? text(expected) : 'none'}`;
}
