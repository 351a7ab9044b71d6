import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { columnsIn, refuseOtherColumns } from '../../../warehouse/bronze-columns.ts';
import { bronzeTables } from '../../../warehouse/warehouse.ts';

describe.each(['duckdb', 'snowflake'])('BRONZE on %s', (warehouse) => {
  const sql = readFileSync(join(import.meta.dirname, '../../../warehouse', warehouse, 'bronze.sql'), 'utf8');
  const columns = columnsIn(sql);

  it('has the columns of its SQL', () => {
    for (const table of bronzeTables) expect(columns.map((column) => column.table)).toContain(table);
    expect(columns.filter(({ table }) => table === 'raw_movies').slice(0, 4)).toMatchObject(
      ['movie_id', 'raw_data', 'source_url', 'ingested_at'].map((name) => ({ name })),
    );
    for (const { name, type } of columns) expect(`${name} ${type}`).toMatch(/^\w+ \w+$/);
    expect(() => refuseOtherColumns(columns, columns)).not.toThrow();
    expect(() => refuseOtherColumns(columns, [])).not.toThrow();
  });

  it('[R84] is refused with any one column missing, moved, renamed, of another type, or too many', () => {
    for (const [index, column] of columns.entries()) {
      const without = columns.toSpliced(index, 1);
      const wrongs = [
        without,
        without.toSpliced(
          columns.findLastIndex(({ table }) => table === column.table),
          0,
          column,
        ),
        columns.with(index, { ...column, name: 'another' }),
        columns.with(index, { ...column, type: 'blob' }),
        columns.toSpliced(index, 0, { ...column, name: 'one_more' }),
      ];
      for (const wrong of wrongs.filter((list) => JSON.stringify(list) !== JSON.stringify(columns))) {
        // A table without columns does not exist.
        if (!wrong.some(({ table }) => table === column.table)) continue;
        expect(() => refuseOtherColumns(columns, wrong)).toThrow(`bronze.${column.table}: column `);
      }
    }
  });
});
