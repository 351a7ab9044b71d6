import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { systemClock } from '../../../runtime/clock.ts';
import { bronzeSql } from '../../../warehouse/duckdb/warehouse.ts';
import { openSnowflakeSession } from '../../../warehouse/snowflake/session.ts';
import { type AuditReport, audit } from '../audit/audit.ts';
import { Workspace, type WorkspaceOptions } from '../processes/cli.ts';
import type { SnowflakeEmulator } from './emulator.ts';

/** The settings to use the emulator as an engineer. Its account does not know the user, and so admits it. */
export const snowflakeEnvironment = ({ url }: SnowflakeEmulator) => ({
  WAREHOUSE: 'snowflake',
  SNOWFLAKE_ACCOUNT: 'fakesnow',
  SNOWFLAKE_USER: 'ENGINEER',
  SNOWFLAKE_TOKEN: 'made-up',
  SNOWFLAKE_URL: url,
  SNOWFLAKE_TIMEOUT: '30s',
});

/** A new key pair as files. */
export function keyPairIn(folder: string): { readonly privateKeyFile: string; readonly publicKeyFile: string } {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const files = { privateKeyFile: join(folder, 'key.p8'), publicKeyFile: join(folder, 'key.pub') };
  writeFileSync(files.privateKeyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  writeFileSync(files.publicKeyFile, publicKey.export({ type: 'spki', format: 'pem' }));
  return files;
}

/** Runs the command line with Snowflake as its warehouse. */
export class SnowflakeWorkspace extends Workspace {
  readonly #emulator: SnowflakeEmulator;

  constructor(emulator: SnowflakeEmulator, env: Readonly<Record<string, string>> = {}, options: WorkspaceOptions = {}) {
    super({ ...snowflakeEnvironment(emulator), ...env }, options);
    this.#emulator = emulator;
  }

  async query(sql: string): Promise<Record<string, unknown>[]> {
    await using session = await openSnowflakeSession({
      settings: this.#emulator.settings({ timeoutMs: 30_000 }),
      clock: systemClock,
      stage: 'audit',
    });
    return (await session.execute({ sql })).rows;
  }

  /** The audit of Kafka against BRONZE. It runs on a copy of BRONZE in DuckDB, because the audit is written for DuckDB. */
  async auditBronze(): Promise<AuditReport> {
    const folder = join(this.dataDir, 'audited');
    mkdirSync(folder, { recursive: true });
    const duckdbPath = join(folder, `${Date.now()}.duckdb`);
    const instance = await DuckDBInstance.create(duckdbPath);
    const connection = await instance.connect();
    await connection.run(bronzeSql);
    for (const table of ['raw_movies', 'raw_genres', 'load_positions', 'load_batches', 'purges']) {
      const rows = await this.query(
        `select * ${table.startsWith('raw') ? 'replace (to_json(raw_data) as raw_data)' : ''} from bronze.${table}`,
      );
      for (const row of rows) {
        const columns = Object.keys(row);
        const sql = `insert into bronze.${table} (${columns.join(', ')}) values (${columns.map((_, index) => `$${index + 1}`).join(', ')})`;
        await connection.run(
          sql,
          Object.values(row).map((value) =>
            value instanceof Date ? value.toISOString().replace('Z', '') : value === null ? null : String(value),
          ),
        );
      }
    }
    connection.closeSync();
    instance.closeSync();
    return audit({ dataDir: this.dataDir, duckdbPath }, { onlyBronze: true });
  }
}
