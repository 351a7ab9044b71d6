import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { ValueOf } from '../../runtime/shape.ts';

/** Models and tests that failed in a dbt run. */
export const failuresShape = z
  .array(
    z.object({ name: z.string().describe('name of the model or test'), message: z.string().describe("dbt's message") }),
  )
  .describe('models and tests that failed, without those that dbt skipped because of them');

/** The result of a dbt run. */
export interface DbtSummary {
  /**
   * `warned`: every model was built, and a test with severity `warn` failed. `nothing to retry`: the last run had
   * no failure, or none is known, and dbt did not run.
   */
  readonly status: 'success' | 'warned' | 'failed' | 'nothing to retry';
  /** dbt's id of the run, as in silver.dbt_runs; empty if it did not run. */
  readonly runId: string;
  /** Models that were built. */
  readonly models: number;
  readonly tests: { readonly passed: number; readonly failed: number; readonly warned: number };
  /** From start to end of the command, by the caller's clock. */
  readonly seconds: number;
  readonly failures: ValueOf<typeof failuresShape>;
}

export const nothingToRetry: DbtSummary = {
  status: 'nothing to retry',
  runId: '',
  models: 0,
  tests: { passed: 0, failed: 0, warned: 0 },
  seconds: 0,
  failures: [],
};

const NodeResult = z.object({
  unique_id: z.string(),
  status: z.string(),
  message: z.string().nullish(),
  execution_time: z.number(),
  failures: z.number().nullish(),
  adapter_response: z.record(z.string(), z.unknown()),
  timing: z.array(z.object({ completed_at: z.string().nullish() })),
});
export type NodeResult = z.infer<typeof NodeResult>;

/** The fields of `run_results.json` that we use. */
const RunResults = z.object({ metadata: z.object({ invocation_id: z.string() }), results: z.array(NodeResult) });
export type RunResults = z.infer<typeof RunResults>;

/** @returns null if the document is incomplete. */
export const readRunResults = (document: unknown): RunResults | null => RunResults.safeParse(document).data ?? null;

/** Statuses of nodes that failed. */
export const failedStatuses: readonly string[] = ['error', 'fail', 'runtime error', 'partial success'];

export function summarise({ metadata, results }: RunResults, seconds: number): DbtSummary {
  const nodes = results.map(({ unique_id, status, message }) => {
    const [type = '', , ...name] = unique_id.split('.');
    return { type, name: name.join('.'), status, message: message ?? status };
  });
  const tests = nodes.filter(({ type }) => type === 'test' || type === 'unit_test');
  const withStatus = (status: string) => tests.filter((test) => test.status === status).length;
  const failures = nodes
    .filter(({ status }) => failedStatuses.includes(status))
    .map(({ name, message }) => ({ name, message }));
  const warned = withStatus('warn');
  return {
    status: failures.length > 0 ? 'failed' : warned > 0 ? 'warned' : 'success',
    runId: metadata.invocation_id,
    models: nodes.filter(({ type, status }) => type === 'model' && status === 'success').length,
    tests: {
      passed: withStatus('pass'),
      failed: tests.filter((test) => failedStatuses.includes(test.status)).length,
      warned,
    },
    seconds,
    failures,
  };
}

const Retriable = RunResults.extend({ args: z.looseObject({ which: z.string() }) }).loose();

/**
 * The results of a run in the form that `dbt retry` reads: null if nothing failed in it, or
 * only a hook, because every run executes all hooks.
 */
export function retriable(runResults: unknown): object | null {
  const parsed = Retriable.safeParse(runResults);
  if (!parsed.success || !['build', 'run', 'test'].includes(parsed.data.args.which)) return null;
  const isLeft = parsed.data.results.some(
    ({ unique_id, status }) =>
      !unique_id.startsWith('operation.') && (failedStatuses.includes(status) || status === 'skipped'),
  );
  // A retry inherits the run's flags, but the warm process writes the results itself.
  return isLeft ? { ...(runResults as object), args: { ...parsed.data.args, write_json: true } } : null;
}

/** A file of results. @returns null if it is absent or incomplete: on a full disk dbt writes only its beginning. */
export async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return null;
  }
}
