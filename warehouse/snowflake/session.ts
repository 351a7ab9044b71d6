import type { Readable } from 'node:stream';
import type { Bind, Connection, ConnectionOptions, SnowflakeError as DriverError } from 'snowflake-sdk';
import type { Clock } from '../../runtime/clock.ts';
import { messageOf, UsageError } from '../../runtime/errors.ts';
import { lazy } from '../../runtime/lazy.ts';
import { readSmallFile } from '../../runtime/path-settings.ts';
import { type ProxySettings, proxyFor } from '../../runtime/proxy.ts';
import { Secret } from '../../runtime/secret.ts';
import { WarehouseUnavailableError } from '../warehouse.ts';
import { fromDriver } from './errors.ts';

/** The login. A password is for users that have nothing else: Snowflake is about to refuse passwords for services. */
export type SnowflakeCredentials =
  | { readonly kind: 'key pair'; readonly privateKey: Secret; readonly passphrase: Secret | undefined }
  | { readonly kind: 'token'; readonly token: Secret }
  /** The file has an OIDC token, which its issuer replaces before it expires. */
  | { readonly kind: 'workload identity'; readonly tokenFile: string }
  | { readonly kind: 'password'; readonly password: Secret };

/** The account, the user and the objects to use. */
export interface SnowflakeSettings {
  readonly account: string;
  readonly user: string;
  readonly credentials: SnowflakeCredentials;
  /** Absent: the user's default role. */
  readonly role: string | undefined;
  readonly database: string;
  /** The virtual warehouse of the loader. */
  readonly ingestWarehouse: string;
  /** The virtual warehouse of dbt and `status`. */
  readonly transformWarehouse: string;
  /** dbt grants SELECT on GOLD to this role. */
  readonly analystRole: string;
  /** The role with which the dashboard reads GOLD. @default `analystRole` */
  readonly dashboardRole?: string | undefined;
  /** The virtual warehouse with which the dashboard reads GOLD. @default `transformWarehouse` */
  readonly dashboardWarehouse?: string | undefined;
  /** How often (ms) the dashboard looks for a new build. */
  readonly dashboardPollMs: number;
  /** Snowflake's address, if it is not the account's own. */
  readonly url: string | undefined;
  /** How Snowflake is reached. @default directly */
  readonly proxy?: ProxySettings;
  /** Every call ends after this time (ms), whatever the network and the driver do. */
  readonly timeoutMs: number;
}

export interface SessionOptions {
  readonly settings: SnowflakeSettings;
  readonly clock: Clock;
  /** The purpose of the session, for the query tag of all its statements. */
  readonly stage: string;
  /** Its virtual warehouse. @default that of the loader */
  readonly warehouse?: string;
}

/** `binds` fill the question marks; for an array of arrays, once for each row (an array bind). */
interface Statement {
  readonly sql: string;
  readonly binds?: readonly Bind[] | readonly (readonly Bind[])[];
  /** The batch or object in question, for Snowflake's query history; with the stage it makes the query tag. */
  readonly batch?: string;
}

interface StatementResult {
  /** Columns by their names in lower case; integers are bigints. */
  readonly rows: Record<string, unknown>[];
  /** Rows inserted, updated or deleted; of a MERGE, all of these. */
  readonly rowsChanged: number;
}

/** One login. Statements run one after the other. After a failure with an unknown outcome, the session is broken and stays so. */
export interface SnowflakeSession extends AsyncDisposable {
  readonly isBroken: boolean;
  /** @throws WarehouseUnavailableError, SnowflakeError, SnowflakeRefusedError. */
  execute(statement: Statement): Promise<StatementResult>;
  /**
   * Runs a query and yields parts of its rows, which need not fit into memory: a row has its values in the order of the columns.
   * @param partRows most rows of a part. @throws the errors of `execute`.
   */
  readParts(sql: string, partRows: number): AsyncIterable<readonly (readonly unknown[])[]>;
}

/** The driver is large and only needed with Snowflake; by default it logs to a file in the working directory. */
const loadDriver = lazy(async () => {
  const { default: driver } = await import('snowflake-sdk').catch(explainMissing);
  driver.configure({ logLevel: 'OFF', additionalLogToConsole: false, useEnvProxy: false });
  return driver;
});

/** The small container image is built without the driver. */
function explainMissing(error: NodeJS.ErrnoException): never {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  throw new UsageError(
    'snowflake-sdk is not installed: in containers, use the image tmdb-stream:VERSION-snowflake (docker build --target snowflake)',
    { cause: error },
  );
}

const secretsOf = ({ credentials }: SnowflakeSettings): readonly Secret[] =>
  Object.values(credentials).filter((value) => value instanceof Secret);

/** Limit for logging out (ms). Snowflake ends by itself what stays open. */
const leaveMs = 2_000;

/** Logs in. @throws WarehouseUnavailableError, SnowflakeRefusedError. */
export async function openSnowflakeSession(options: SessionOptions): Promise<SnowflakeSession> {
  const { settings, clock } = options;
  const driver = await loadDriver();
  const login = loginOf(settings.credentials);
  const connection = driver.createConnection(connectionOptions(options, login));
  // Not connectAsync, which can resolve after a failed login.
  const { user, account, url } = settings;
  const doing = `the login of ${user} at ${account}${url === undefined ? '' : `, ${url},`}`;
  const loggingIn = new Promise<void>((resolve, reject) => {
    connection.connect((error) => (error ? reject(error) : resolve()));
  });
  try {
    await within(clock, settings.timeoutMs, doing, loggingIn);
    const session = new DriverSession(connection, options);
    await session.execute({ sql: sessionParameters(settings.timeoutMs) });
    await session.execute({ sql: 'alter session set autocommit = true' });
    return session;
  } catch (error) {
    void leave(connection, clock);
    const secrets = login.token === undefined ? [] : [new Secret(login.token)];
    throw fromDriver(doing, error, [...secretsOf(settings), ...secrets]);
  }
}

function connectionOptions(
  { settings, warehouse, stage }: SessionOptions,
  login: Partial<ConnectionOptions>,
): ConnectionOptions {
  const { account, user, role, database, ingestWarehouse, url, timeoutMs } = settings;
  return {
    account,
    username: user,
    ...login,
    ...(role !== undefined && { role }),
    ...(url !== undefined && { accessUrl: url }),
    ...proxyOptions(settings),
    database,
    schema: 'BRONZE',
    warehouse: warehouse ?? ingestWarehouse,
    application: `tmdb_stream_${stage}`,
    timeout: timeoutMs,
    jsTreatIntegerAsBigInt: true,
    // Not the account's, which may be lower: see maxBinds in insert-rows.ts.
    arrayBindingThreshold: 65_280,
    // No query tag here: it would replace each statement's own.
  };
}

/** Chosen here, not by the driver from its environment: the driver would also send requests for this machine to a proxy. */
function proxyOptions({ account, url, proxy }: SnowflakeSettings): Partial<ConnectionOptions> {
  const chosen = proxy && proxyFor(url ?? `https://${account}.snowflakecomputing.com`, proxy);
  if (!proxy || !chosen) return {};
  const { protocol, hostname, port, username, password } = new URL(chosen.reveal());
  return {
    proxyProtocol: protocol.slice(0, -1),
    proxyHost: hostname,
    proxyPort: Number(port || (protocol === 'https:' ? 443 : 80)),
    ...(password !== '' && { proxyUser: decodeURIComponent(username), proxyPassword: decodeURIComponent(password) }),
    // The files of a load go to the cloud's storage, which may be reached directly.
    noProxy: proxy.noProxy.join('|'),
  };
}

/** Read at each login: the file rotates. @throws WarehouseUnavailableError, because it may be written again. */
function identityToken(file: string): string {
  try {
    return readSmallFile(file).trim();
  } catch (error) {
    throw new WarehouseUnavailableError(`SNOWFLAKE_IDENTITY_TOKEN_FILE: ${messageOf(error)}`, { cause: error });
  }
}

function loginOf(credentials: SnowflakeCredentials): Partial<ConnectionOptions> {
  switch (credentials.kind) {
    case 'key pair': {
      const { privateKey, passphrase } = credentials;
      return {
        authenticator: 'SNOWFLAKE_JWT',
        privateKey: privateKey.reveal(),
        ...(passphrase && { privateKeyPass: passphrase.reveal() }),
      };
    }
    case 'token':
      return { authenticator: 'PROGRAMMATIC_ACCESS_TOKEN', token: credentials.token.reveal() };
    case 'workload identity':
      return {
        authenticator: 'WORKLOAD_IDENTITY',
        workloadIdentityProvider: 'OIDC',
        token: identityToken(credentials.tokenFile),
      };
    case 'password':
      return { authenticator: 'SNOWFLAKE', password: credentials.password.reveal() };
  }
}

/**
 * A statement whose client has gone ends by itself, so that it holds no lock. A failed statement ends its
 * transaction, so that no COMMIT can keep a part of it. The other settings override what an account may have set.
 */
const sessionParameters = (timeoutMs: number): string =>
  `alter session set timezone = 'UTC', timestamp_input_format = 'AUTO', use_cached_result = false, strict_json_output = true,
     transaction_abort_on_error = true, abort_detached_query = true,
     statement_timeout_in_seconds = ${Math.ceil(timeoutMs / 1_000)}, lock_timeout = ${Math.ceil(timeoutMs / 2_000)}`;

class DriverSession implements SnowflakeSession {
  readonly #connection: Connection;
  readonly #options: SessionOptions;
  isBroken = false;

  constructor(connection: Connection, options: SessionOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  execute(statement: Statement): Promise<StatementResult> {
    return this.#call(
      statement.sql,
      () =>
        new Promise((resolve, reject) => {
          this.#connection.execute({
            sqlText: statement.sql,
            ...(statement.binds && { binds: statement.binds as Bind[] }),
            parameters: this.#tag(statement.batch),
            complete: (error: DriverError | undefined, done, rows) => {
              if (error) return reject(error);
              const rowsChanged = Math.max(0, done.getNumUpdatedRows() ?? 0);
              resolve({ rows: (rows ?? []).map(inLowerCase), rowsChanged });
            },
          });
        }),
    );
  }

  async *readParts(sql: string, partRows: number): AsyncGenerator<readonly (readonly unknown[])[]> {
    const stream = await this.#call(sql, () => this.#stream(sql));
    try {
      const rows = stream[Symbol.asyncIterator]() as AsyncIterator<readonly unknown[], undefined>;
      for (;;) {
        const part = await this.#call(sql, () => nextRows(rows, partRows));
        if (part.length > 0) yield part.map((row) => row.map(plainInteger));
        if (part.length < partRows) return;
      }
    } finally {
      stream.destroy();
    }
  }

  #stream(sqlText: string): Promise<Readable> {
    return new Promise((resolve, reject) => {
      this.#connection.execute({
        ...{ sqlText, parameters: this.#tag(), streamResult: true, rowMode: 'array' },
        complete: (error: DriverError | undefined, statement) =>
          error ? reject(error) : resolve(statement.streamRows()),
      });
    });
  }

  #tag(batch?: string) {
    const tag = { app: 'tmdb-stream', stage: this.#options.stage, ...(batch !== undefined && { batch }) };
    return { QUERY_TAG: JSON.stringify(tag).slice(0, maxTagLength) };
  }

  /** A step of a statement, within the time limit. */
  async #call<T>(sql: string, step: () => Promise<T>): Promise<T> {
    const { clock, settings } = this.#options;
    const doing = sql.trim().slice(0, 60).replaceAll(/\s+/g, ' ');
    if (this.isBroken) throw new WarehouseUnavailableError(`Snowflake: ${doing}: the session is closed`);
    try {
      return await within(clock, settings.timeoutMs, doing, step());
    } catch (error) {
      const known = fromDriver(doing, error, secretsOf(settings));
      // The outcome is unknown: a further statement on this session might run in the middle of a transaction.
      if (known instanceof WarehouseUnavailableError) void this[Symbol.asyncDispose](); // mutant: snowflake.abandon-session
      throw known;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isBroken) return;
    this.isBroken = true;
    await leave(this.#connection, this.#options.clock);
  }
}

async function nextRows(rows: AsyncIterator<readonly unknown[], undefined>, most: number) {
  const part: (readonly unknown[])[] = [];
  while (part.length < most) {
    const { done, value } = await rows.next();
    if (done) break;
    part.push(value);
  }
  return part;
}

/** Snowflake refuses longer query tags. */
const maxTagLength = 2_000;

const inLowerCase = (row: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(row).map(([column, value]) => [column.toLowerCase(), plainInteger(value)]));

/** The driver represents integers as objects of its own library. */
const plainInteger = (value: unknown): unknown =>
  value !== null && typeof value === 'object' && 'toJSNumber' in value ? BigInt(String(value)) : value;

/** Logs out, which rolls back an open transaction; gives up after a time. Never throws. */
function leave(connection: Connection, clock: Clock): Promise<void> {
  const left = new Promise<void>((resolve) => connection.destroy(() => resolve()));
  return within(clock, leaveMs, 'the logout', left).catch(() => {});
}

/** The driver's own timeouts add up to minutes, and its cancel may never answer. */
async function within<T>(clock: Clock, ms: number, doing: string, call: Promise<T>): Promise<T> {
  const over = new AbortController();
  const deadline = clock.sleep(ms, over.signal).then(() => {
    throw new WarehouseUnavailableError(`Snowflake: ${doing} had no answer within ${ms / 1_000} s`);
  });
  try {
    return await Promise.race([call, deadline]);
  } finally {
    over.abort();
    deadline.catch(() => {});
    call.catch(() => {});
  }
}
