import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { systemClock } from '../../../runtime/clock.ts';
import { Secret } from '../../../runtime/secret.ts';
import type { DbtEnvironment } from '../../../transform/dbt/dbt.ts';
import { snowflakeEnvironment } from '../../../warehouse/snowflake/dbt-environment.ts';
import { openSnowflakeRunLog } from '../../../warehouse/snowflake/run-log.ts';
import {
  openSnowflakeSession,
  type SnowflakeCredentials,
  type SnowflakeSession,
  type SnowflakeSettings,
} from '../../../warehouse/snowflake/session.ts';
import { openSnowflakeWarehouse } from '../../../warehouse/snowflake/warehouse.ts';
import { SnowflakeEmulator } from '../snowflake/emulator.ts';
import { projectDir, type Row, type WarehouseFile } from './warehouse-file.ts';

export const token = 'token-of-the-tests';

/** A Snowflake with BRONZE, filled through the driver, and a work folder for dbt. */
export class SnowflakeTables implements AsyncDisposable {
  readonly emulator: SnowflakeEmulator;
  readonly settings: SnowflakeSettings;
  readonly #session: SnowflakeSession;
  readonly #workDir: string;
  #nextOffset = 0;

  private constructor(
    emulator: SnowflakeEmulator,
    settings: SnowflakeSettings,
    session: SnowflakeSession,
    workDir: string,
  ) {
    this.emulator = emulator;
    this.settings = settings;
    this.#session = session;
    this.#workDir = workDir;
  }

  static async create(): Promise<SnowflakeTables> {
    const emulator = await SnowflakeEmulator.start();
    const credentials = { kind: 'token', token: new Secret(token) } as const;
    const settings = emulator.settings({ credentials, timeoutMs: 60_000 });
    const session = await openSnowflakeSession({ settings, clock: systemClock, stage: 'test' });
    const tables = new SnowflakeTables(emulator, settings, session, await mkdtemp(join(tmpdir(), 'dbt-snowflake-')));
    // As after provisioning: dbt must find its schemas and the role for its grants, not create them.
    for (const schema of ['BRONZE', 'SILVER', 'GOLD']) await tables.query(`create schema if not exists ${schema}`);
    await tables.query('create role if not exists ANALYST_ROLE');
    await using loader = await openSnowflakeWarehouse({ settings, clock: systemClock, stage: 'test' });
    await loader.migrate();
    return tables;
  }

  /** Columns by their names in lower case, VARIANT as parsed values. */
  async query(sql: string): Promise<Record<string, unknown>[]> {
    return (await this.#session.execute({ sql })).rows;
  }

  /** Copies the rows and the ledger that the file's BRONZE has received since the last call, with documents as text. */
  async catchUpWith(file: WarehouseFile): Promise<void> {
    const [rows, batches] = [`kafka_offset >= ${this.#nextOffset}`, `first_offset >= ${this.#nextOffset}`];
    await this.#append('raw_movies', await file.query(`select * from bronze.raw_movies where ${rows}`));
    await this.#append('raw_genres', await file.query(`select * from bronze.raw_genres where ${rows}`));
    await this.#append('load_batches', await file.query(`select * from bronze.load_batches where ${batches}`));
    const [next] = await file.query('select max(next_offset) as next_offset from bronze.load_batches');
    this.#nextOffset = Number(next?.['next_offset']);
  }

  async #append(table: string, rows: readonly Row[]): Promise<void> {
    const columns = Object.keys(rows[0] ?? {});
    // PARSE_JSON is refused within VALUES. 'd': the last of duplicate keys wins, as in the loader.
    const selected = columns.map((name, index) =>
      name === 'raw_data' ? `parse_json(column${index + 1}, 'd')` : `column${index + 1}`,
    );
    const sql = `insert into bronze.${table} (${columns.join(', ')})
      select ${selected.join(', ')} from values (${columns.map(() => '?').join(', ')})`;
    // Below the number of binds (65,280) that the driver would upload to a stage.
    const chunk = Math.floor(60_000 / columns.length);
    for (let at = 0; at < rows.length; at += chunk) {
      const binds = rows.slice(at, at + chunk).map((row) => columns.map((name) => row[name] as string | number));
      await this.#session.execute({ sql, binds });
    }
  }

  /** The environment of dbt on this warehouse, with additional variables. @param credentials @default the loader's */
  place(
    credentials: SnowflakeCredentials = this.settings.credentials,
    env: Readonly<Record<string, string>> = {},
  ): DbtEnvironment {
    return {
      projectDir,
      environmentDir: inject('dbtEnvironment'),
      workDir: join(this.#workDir, 'dbt'),
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        ...snowflakeEnvironment({ ...this.settings, credentials }),
        ...env,
      },
      openRunLog: async () => openSnowflakeRunLog({ settings: this.settings, clock: systemClock, stage: 'transform' }),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
    await this.emulator[Symbol.asyncDispose]();
    await rm(this.#workDir, { recursive: true, force: true });
  }
}
