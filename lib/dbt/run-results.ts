import { z } from 'zod';

/** What a run of dbt came to. */
export interface DbtSummary {
  /** `warned`: every model was built, and a test that only warns found something. */
  readonly status: 'success' | 'warned' | 'failed';
  /** Models that were built. */
  readonly models: number;
  readonly tests: { readonly passed: number; readonly failed: number; readonly warned: number };
  /** From start to end of the process, by the caller's clock. */
  readonly seconds: number;
  /** Models and tests that failed; those skipped because of them are not repeated here. */
  readonly failures: readonly { readonly name: string; readonly message: string }[];
}

/** The fields we read of `run_results.json`. */
const RunResults = z.object({
  results: z.array(
    z.object({
      unique_id: z.string(),
      status: z.string(),
      message: z.string().nullish(),
    }),
  ),
});

const failed = ['error', 'fail', 'runtime error', 'partial success'];

export function summarise(runResults: unknown, seconds: number): DbtSummary {
  const { results } = RunResults.parse(runResults);
  const nodes = results.map(({ unique_id, status, message }) => {
    const [type = '', , ...name] = unique_id.split('.');
    return { type, name: name.join('.'), status, message: message ?? status };
  });
  const tests = nodes.filter(({ type }) => type === 'test' || type === 'unit_test');
  const withStatus = (status: string) => tests.filter((test) => test.status === status).length;
  const failures = nodes
    .filter(({ status }) => failed.includes(status))
    .map(({ name, message }) => ({ name, message }));
  const warned = withStatus('warn');
  return {
    status: failures.length > 0 ? 'failed' : warned > 0 ? 'warned' : 'success',
    models: nodes.filter(({ type, status }) => type === 'model' && status === 'success').length,
    tests: { passed: withStatus('pass'), failed: tests.filter((test) => failed.includes(test.status)).length, warned },
    seconds,
    failures,
  };
}
