import { DuckDBDataChunk, type DuckDBType } from '@duckdb/node-api';
// The low-level bindings accept a text as bytes. The public API would convert each document to a JavaScript string
// and back to UTF-8, which takes longer than the append itself.
import duckdb from '@duckdb/node-bindings';

/** Rows that DuckDB accepts at once; DuckDB's vector size, a constant. */
export const maxChunkRows = 2_048;

/** A chunk of up to `maxChunkRows` rows, filled column by column. */
export class Chunk<Row> {
  readonly data: DuckDBDataChunk;
  readonly #rows: readonly Row[];
  #column = 0;

  constructor(types: readonly DuckDBType[], rows: readonly Row[]) {
    this.#rows = rows;
    this.data = DuckDBDataChunk.create(types, rows.length);
    this.data.rowCount = rows.length;
  }

  /** The next column, a BIGINT. */
  bigints(cellOf: (row: Row) => bigint): this {
    return this.#numbers(BigInt64Array.from(this.#rows, cellOf));
  }

  /** The next column, a TIMESTAMP (microseconds since the epoch). */
  timestamps(cellOf: (row: Row) => Date): this {
    return this.bigints((row) => BigInt(cellOf(row).getTime()) * 1_000n);
  }

  /** The next column, an INTEGER. */
  integers(cellOf: (row: Row) => number): this {
    return this.#numbers(Int32Array.from(this.#rows, cellOf));
  }

  /** The next column, a VARCHAR or JSON; the bytes must be UTF-8. */
  texts(cellOf: (row: Row) => Uint8Array): this {
    const vector = this.#nextVector();
    this.#rows.forEach((row, index) => {
      duckdb.vector_assign_string_element_len(vector, index, cellOf(row));
    });
    return this;
  }

  #numbers(cells: BigInt64Array<ArrayBuffer> | Int32Array<ArrayBuffer>): this {
    duckdb.copy_data_to_vector(this.#nextVector(), 0, cells.buffer, 0, cells.byteLength);
    return this;
  }

  #nextVector() {
    return duckdb.data_chunk_get_vector(this.data.chunk, this.#column++);
  }
}
