import { ExitCode, IngestError } from '../../runtime/errors.ts';
import { scrub } from '../../runtime/scrub.ts';
import type { Secret } from '../../runtime/secret.ts';
import { WarehouseUnavailableError } from '../warehouse.ts';

/** Snowflake refuses our credentials, or our role lacks a right. A person must fix it. */
class SnowflakeRefusedError extends IngestError {
  readonly code = 'credentials_refused';
  readonly retriable = false;
  override readonly exitCode = ExitCode.credentialsRefused;
}

/** A statement that will fail on every retry. */
export class SnowflakeError extends IngestError {
  readonly code = 'warehouse_failed';
  readonly retriable = false;
  /** Snowflake's own number, such as `002003`. */
  readonly number: string;

  constructor(message: string, number: string, options?: ErrorOptions) {
    super(message, options);
    this.number = number;
  }
}

/** Another transaction has held the needed lock for longer than `LOCK_TIMEOUT`. It may belong to a dead process. */
export class SnowflakeLockedError extends WarehouseUnavailableError {}

const locked = '000625';
const lockRemedy =
  'another transaction has the lock: see "show locks"; when its process has died, Snowflake ends it after five idle minutes';

/** An object that does not exist, or that the role must not see. */
export const objectMissing = '002003';

/** The driver's own failures. */
export const noCode = '000000';

/** The driver's errors: from Snowflake's answer, or because there was none. */
interface DriverError extends Error {
  readonly code?: number | string;
  readonly sqlState?: string;
}

/**
 * The answers after which the same statement may succeed: a lock or a queue that timed out, a statement that
 * was cancelled, a session or a token that has expired, a fault of Snowflake's own, a warehouse that cannot resume now
 * (suspended by its monitor until the quota is raised).
 */
const transient = new Set([
  ...['000603', '000604', '000605', '000607', '000610', '000625', '000629', '000630', '000639'],
  ...['390112', '390113', '390114', '390115', '390189', '390195', '090073', '300002', '300005'],
]);

/** `003001`: the role lacks a privilege; `003540`: it may not use that warehouse. 39xxxx and 2500xx: logins. */
const isRefusal = (code: string): boolean => /^(39|2500|0030[01]|003540)/.test(code);

/** `000606`: no warehouse can be used. */
const remedies: Readonly<Record<string, string>> = {
  [objectMissing]:
    'it is not there, or the role may not see it: see "warehouse provision --check" and "warehouse migrate"',
  '002043': 'it is not there, or the role may not see it: see "warehouse provision --check" and "warehouse migrate"',
  '000606': 'the warehouse is not there, or the role may not use it: see "warehouse provision --check"',
  '003001': 'the role lacks a privilege: see "warehouse provision --check"',
  '390100': 'check SNOWFLAKE_USER and the credentials',
  '390144':
    'check that the user has the public key that belongs to SNOWFLAKE_PRIVATE_KEY (warehouse provision --loader-key), or the identity of SNOWFLAKE_IDENTITY_TOKEN_FILE',
};

/** Converts the driver's error into our own. @param secrets what its message must not contain, even if Snowflake repeats it. */
export function fromDriver(doing: string, error: unknown, secrets: readonly Secret[] = []): IngestError {
  if (error instanceof IngestError) return error;
  const { code: given, sqlState = '', message } = error as DriverError;
  const code = String(given ?? '').padStart(6, '0');
  const text = `Snowflake: ${doing} failed: ${scrub(message, secrets).replaceAll(/\s*\n\s*/g, ' ')}`;
  const remedy = remedies[code] ? ` (${remedies[code]})` : '';
  // Numbers of 4xxxxx are the driver's: no answer, an unreadable one, or a session that has ended permanently.
  // States of 25xxx and 40xxx: Snowflake has rolled the transaction back, because it was idle or blocked another one.
  const hasPassed = transient.has(code) || /^40[127]/.test(code) || /^(25|40)/.test(sqlState); // mutant: snowflake.transient
  if (code === locked) return new SnowflakeLockedError(`${text} (${lockRemedy})`, { cause: error });
  if (hasPassed) return new WarehouseUnavailableError(text, { cause: error });
  if (isRefusal(code)) return new SnowflakeRefusedError(text + remedy, { cause: error });
  return new SnowflakeError(text + remedy, code, { cause: error });
}
