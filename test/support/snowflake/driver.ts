import type { Bind, Connection, ConnectionOptions } from 'snowflake-sdk';
import driver from 'snowflake-sdk';

driver.configure({ logLevel: 'OFF', additionalLogToConsole: false });

export type Row = Record<string, unknown>;

/** A session of the real driver, without our own code. Columns have the names that Snowflake gives them. */
export class DriverSession implements AsyncDisposable {
  readonly #connection: Connection;

  private constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** @param url of the emulator. */
  static async open(url: string, options: Partial<ConnectionOptions> = {}): Promise<DriverSession> {
    const login = { account: 'fakesnow', username: 'tester', password: 'made-up', accessUrl: url };
    const connection = driver.createConnection({ ...login, ...options });
    await new Promise<void>((resolve, reject) => {
      connection.connect((error) => (error ? reject(error) : resolve()));
    });
    return new DriverSession(connection);
  }

  /** @throws the driver's error, with `code` and `sqlState`. */
  run(sqlText: string, binds?: readonly Bind[] | readonly (readonly Bind[])[], parameters: Row = {}): Promise<Row[]> {
    return new Promise((resolve, reject) => {
      this.#connection.execute({
        ...{ sqlText, parameters },
        ...(binds && { binds: binds as Bind[] }),
        complete: (error, _statement, rows) => (error ? reject(error) : resolve((rows ?? []) as Row[])),
      });
    });
  }

  /** The values of the only column in all rows. */
  async column(sqlText: string): Promise<unknown[]> {
    const rows = await this.run(sqlText);
    return rows.map((row) => Object.values(row)[0]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#connection.destroy(() => resolve()));
  }
}
