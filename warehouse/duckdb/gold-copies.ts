import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { messageOf } from '../../runtime/errors.ts';
import { type GoldRow, type GoldSnapshot, GoldUnavailableError } from '../gold-reader.ts';
import { plainRow } from '../plain-row.ts';

/** One published GOLD in a DuckDB instance of its own, as the schema `published.gold`. */
export interface GoldCopy {
  readonly version: string;
  readonly publishedAt: Date;
  readonly instance: DuckDBInstance;
}

/** The newest copy, and older ones that readers still use. A copy is closed when a newer one has replaced it and its last reader has ended. */
export class GoldCopies {
  #current: GoldCopy | undefined;
  readonly #readers = new Map<GoldCopy, number>();

  get current(): GoldCopy | undefined {
    return this.#current;
  }

  /** @param next undefined: no further reader begins. */
  replace(next: GoldCopy | undefined): void {
    const old = this.#current;
    this.#current = next;
    if (old) this.#closeIfUnused(old);
  }

  /** Runs `work` with the current copy, which stays open until `work` ends. */
  async read<Result>(copy: GoldCopy, work: (gold: GoldSnapshot) => Promise<Result>): Promise<Result> {
    this.#readers.set(copy, (this.#readers.get(copy) ?? 0) + 1);
    try {
      return await withSnapshot(copy, work);
    } finally {
      this.#readers.set(copy, (this.#readers.get(copy) ?? 1) - 1);
      this.#closeIfUnused(copy);
    }
  }

  #closeIfUnused(copy: GoldCopy): void {
    if (copy === this.#current || (this.#readers.get(copy) ?? 0) > 0) return;
    this.#readers.delete(copy);
    copy.instance.closeSync();
  }
}

async function withSnapshot<Result>(
  { instance, version, publishedAt }: GoldCopy,
  work: (gold: GoldSnapshot) => Promise<Result>,
): Promise<Result> {
  const connection = await instance.connect();
  try {
    await connection.run('use published.gold');
    // A copy in memory could be written to.
    await connection.run('begin transaction read only');
    return await work({ version, publishedAt, query: (sql, values) => queryOf(connection, sql, values) });
  } finally {
    connection.closeSync();
  }
}

async function queryOf(
  connection: DuckDBConnection,
  sql: string,
  values: Readonly<Record<string, string | number>> = {},
) {
  try {
    const result = await connection.runAndReadAll(sql, { ...values });
    return result.getRowObjectsJS().map(plainRow) as GoldRow[];
  } catch (error) {
    // A build of another version has other tables or columns, until the next build.
    if (!/^(?:Catalog|Binder) Error/.test(messageOf(error))) throw error;
    const problem = messageOf(error).split('\n')[0];
    throw new GoldUnavailableError(`the published GOLD was built by another version: ${problem}`, { cause: error });
  }
}

/** A query can read the copy and no file. The last statements of a new instance, because they lock its settings. */
export const confinement = ['set enable_external_access = false', 'set lock_configuration = true'];
