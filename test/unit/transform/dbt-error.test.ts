import { expect, it } from 'vitest';
import { ExitCode } from '../../../runtime/errors.ts';
import { DbtError } from '../../../transform/dbt/dbt-error.ts';
import { nothingToRetry } from '../../../transform/dbt/run-results.ts';

it.each([
  'Database Error\n  250001: Could not connect to Snowflake backend after 5 attempt(s).Aborting',
  'Runtime Error\n  290503: HTTP 503: Service Unavailable',
  'Database Error in model fact_movies (models/gold/fact_movies.sql)\n  000625 (57014): 01bd: Statement was aborted: lock timeout',
  '  000630 (57014): Statement reached its statement or warehouse timeout of 600 second(s) and was canceled.',
  '  390114 (08001): Authentication token has expired.  The user must authenticate again.',
  "  090073 (22000): Warehouse 'LECTURE_TRANSFORM_WH' cannot be resumed because resource monitor has exceeded its quota.",
  'IO Error: Could not set lock on file "x"',
])('is transient: %s', (message) => {
  expect(new DbtError(message).retriable).toBe(true);
});

it.each([
  '  390100 (28000): Failed to connect to DB: x:443. Incorrect username or password was specified.',
  "  002003 (02000): SQL compilation error: Schema 'LECTURE_DE.BRONZE' does not exist or not authorized.",
  '  000606 (57P03): No active warehouse selected in the current session.',
  '  100072 (22000): NULL result in a non-nullable column',
  'Binder Error: no such column as of 250001',
])('is permanent: %s', (message) => {
  expect(new DbtError(message).retriable).toBe(false);
});

it.each<[string, number, number, string]>([
  ['5 if models or tests failed', ExitCode.partial, 1, 'a test failed'],
  ['1 if dbt itself failed', ExitCode.failed, 0, 'dbt build ended with exit code 2'],
  ['1 if the failures are transient', ExitCode.failed, 1, 'IO Error: Could not set lock on file "x"'],
])('ends a command with %s', (_, exitCode, failed, message) => {
  const failures = Array.from({ length: failed }, (_, index) => ({ name: `test_${index}`, message }));
  const summary = { ...nothingToRetry, status: 'failed' as const, failures };
  expect(new DbtError(message, summary).exitCode).toBe(exitCode);
  expect(new DbtError(message).exitCode).toBe(ExitCode.failed);
});
