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
    this.#numbers(BigInt64Array.from(this.#rows, cellOf));
    return this;
  }

  /** The next column, a TIMESTAMP (microseconds since the epoch). */
  timestamps(cellOf: (row: Row) => Date | null): this {
    const cells = this.#rows.map(cellOf);
    const vector = this.#numbers(BigInt64Array.from(cells, (cell) => BigInt(cell?.getTime() ?? 0) * 1_000n));
    return this.#withNulls(vector, cells);
  }

  /** The next column, an INTEGER. */
  integers(cellOf: (row: Row) => number): this {
    this.#numbers(Int32Array.from(this.#rows, cellOf));
    return this;
  }

  /** The next column, a VARCHAR or JSON; the bytes must be UTF-8. */
  texts(cellOf: (row: Row) => Uint8Array | null): this {
    const vector = this.#nextVector();
    const cells = this.#rows.map(cellOf);
    for (const [index, cell] of cells.entries()) {
      if (cell) duckdb.vector_assign_string_element_len(vector, index, cell);
    }
    return this.#withNulls(vector, cells);
  }

  #numbers(cells: BigInt64Array<ArrayBuffer> | Int32Array<ArrayBuffer>) {
    const vector = this.#nextVector();
    duckdb.copy_data_to_vector(vector, 0, cells.buffer, 0, cells.byteLength);
    return vector;
  }

  /** DuckDB's validity mask: one bit for each row, in words of 64; 0 is NULL. */
  #withNulls(vector: duckdb.Vector, cells: readonly unknown[]): this {
    if (!cells.includes(null)) return this;
    const mask = new Uint8Array(Math.ceil(cells.length / 64) * 8).fill(0xff);
    for (const [index, cell] of cells.entries()) {
      const byte = index >> 3;
      if (cell === null) mask[byte] = (mask[byte] ?? 0) & ~(1 << (index & 7));
    }
    duckdb.vector_ensure_validity_writable(vector);
    duckdb.copy_data_to_vector_validity(vector, 0, mask.buffer, 0, mask.byteLength);
    return this;
  }

  #nextVector() {
    return duckdb.data_chunk_get_vector(this.data.chunk, this.#column++);
  }
}
