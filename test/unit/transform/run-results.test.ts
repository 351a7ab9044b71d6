import { expect, it } from 'vitest';
import { DbtError } from '../../../transform/dbt/dbt-error.ts';
import { retriable, summarise } from '../../../transform/dbt/run-results.ts';

const metadata = { invocation_id: 'run-1' };
const result = (unique_id: string, status: string, message: string | null = null) => ({
  ...{ unique_id, status, message, execution_time: 1, failures: null },
  ...{ adapter_response: {}, timing: [] },
});

it('distinguishes models from tests, and failures from nodes that were skipped because of them', () => {
  const results = [
    result('model.p.silver_movies', 'success'),
    result('model.p.fact_movies', 'error', 'no such column'),
    result('model.p.kpi', 'skipped'),
    result('test.p.unique_x.1a2b', 'pass'),
    result('test.p.not_null_x.3c', 'fail', 'Got 2 results'),
    result('test.p.usable.4d', 'warn', 'Got 1 result'),
  ];
  expect(summarise({ metadata, results }, 4.2)).toEqual({
    status: 'failed',
    runId: 'run-1',
    models: 1,
    tests: { passed: 1, failed: 1, warned: 1 },
    seconds: 4.2,
    failures: [
      { name: 'fact_movies', message: 'no such column' },
      { name: 'not_null_x.3c', message: 'Got 2 results' },
    ],
  });
});

it('is a success if nothing failed, and `warned` if a test warns', () => {
  expect(summarise({ metadata, results: [result('model.p.a', 'success')] }, 1).status).toBe('success');
  expect(summarise({ metadata, results: [result('test.p.a', 'warn')] }, 1).status).toBe('warned');
});

it('can be retried if a model or a test failed or was skipped, with its own flags except the results file', () => {
  const run = (which: string, ...results: object[]) => ({
    metadata,
    args: { which, write_json: false, full_refresh: true },
    results,
  });
  const failed = run('build', result('model.p.a', 'success'), result('test.p.a', 'skipped'));
  expect(retriable(failed)).toEqual({ ...failed, args: { which: 'build', write_json: true, full_refresh: true } });
  expect(retriable(run('build', result('model.p.a', 'success'), result('test.p.a', 'warn')))).toBeNull();
  expect(retriable(run('build', result('operation.p.hook', 'error')))).toBeNull();
  expect(retriable(run('run-operation', result('model.p.a', 'error')))).toBeNull();
  expect(retriable(null)).toBeNull();
});

it('is retriable only if the file was in use or the connection was lost', () => {
  expect(new DbtError('IO Error: Could not set lock on file "x"').retriable).toBe(true);
  expect(new DbtError('Binder Error: no such column').retriable).toBe(false);
});
