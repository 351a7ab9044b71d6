/**
 * `npm run dbt -- ARGUMENTS`: dbt's command line on this project, with the warehouse and the settings of the environment and `.env`.
 * A command that opens the warehouse takes the transform lease, as the scheduler does. It publishes no GOLD for readers: the scheduler or
 * `npm start` does so after the next look.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import packageJson from '../package.json' with { type: 'json' };
import { dropSecrets, loadConfig, readEnvironment } from '../platform/config.ts';
import type { Context } from '../platform/context.ts';
import { refuseForeignFolder } from '../platform/data-dir.ts';
import { transformTarget } from '../platform/warehouse.ts';
import { systemClock } from '../runtime/clock.ts';
import { ExitCode, IngestError, messageOf } from '../runtime/errors.ts';
import { escapeLines } from '../runtime/escape-controls.ts';
import { Health } from '../runtime/health.ts';
import { createLogger } from '../runtime/logger.ts';
import { makeFolder } from '../runtime/make-folder.ts';
import { createMetrics } from '../runtime/metrics.ts';
import { createProgress } from '../runtime/progress.ts';
import { scrub } from '../runtime/scrub.ts';
import type { Secret } from '../runtime/secret.ts';
import { exitCodeOfSignal } from '../runtime/shutdown.ts';
import type { WriteLock } from '../warehouse/system.ts';
import { opensWarehouse, targetPathIn } from './dbt/command-line.ts';
import { recordRun } from './dbt/run-log.ts';
import { readJson, readRunResults } from './dbt/run-results.ts';
import { dbtEnvironment } from './transform.ts';

const { version } = packageJson;

async function main(args: readonly string[]): Promise<number> {
  const environment = readEnvironment();
  const config = loadConfig(environment);
  dropSecrets(environment);
  refuseForeignFolder(config.dataDir);
  const stopping = new AbortController();
  // A terminal sends Ctrl-C to dbt as well. `kill` reaches only this process.
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => stopping.abort(exitCodeOfSignal(name)));
  using progress = createProgress(process.stderr, systemClock, config.secrets);
  const context: Context = {
    ...{ config, progress, signal: stopping.signal, metrics: createMetrics(version) },
    log: createLogger(config.logLevel ?? 'warn', config.secrets, { version }),
    health: new Health(systemClock, config.secrets),
  };
  try {
    await using lease = opensWarehouse(args) ? await transformTarget(context).takeTransformLease() : null;
    return await runDbt(context, args, lease);
  } catch (error) {
    if (stopping.signal.aborted) return Number(stopping.signal.reason);
    return report(error, config.secrets);
  }
}

/**
 * Runs dbt on this terminal. dbt ends with this process, also after a kill, so that no dbt runs without the lease.
 * @param lease if it is lost, dbt ends, because another process may build now. @returns its exit code (128 + n if signal n ended it).
 */
async function runDbt(context: Context, args: readonly string[], lease: WriteLock | null): Promise<number> {
  const { projectDir, environmentDir, workDir, env, openRunLog } = dbtEnvironment(context);
  makeFolder(workDir);
  const targetPath = targetPathIn(args) ?? join(workDir, 'by-hand');
  const resultsFile = join(targetPath, 'run_results.json');
  // The previous results are not deleted, because `dbt retry` reads them.
  const previous = readRunResults(await readJson(resultsFile));
  const paths = {
    DBT_PROJECT_DIR: projectDir,
    DBT_PROFILES_DIR: projectDir,
    DBT_TARGET_PATH: targetPath,
    DBT_LOG_PATH: join(workDir, 'logs'),
  };
  const python = join(environmentDir, 'bin', 'python');
  const startedAt = systemClock.now();
  const child = spawn(python, [join(import.meta.dirname, 'dbt', 'cold.py'), ...args], {
    stdio: ['pipe', 'inherit', 'inherit'],
    env: { ...env, ...paths },
  });
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  lease?.lost?.addEventListener('abort', () => child.kill('SIGTERM'), { once: true });
  const [code, killedBy] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  if (lease && !lease.lost?.aborted) {
    const written = readRunResults(await readJson(resultsFile));
    const isOld = written?.metadata.invocation_id === previous?.metadata.invocation_id;
    const ended = {
      ...{ startedAt, finishedAt: systemClock.now() },
      ...{ results: isOld ? null : written, hasSucceeded: code === 0 },
    };
    await recordRun(() => openRunLog(lease), ended, { clock: systemClock, signal: context.signal });
  }
  return code ?? exitCodeOfSignal(killedBy ?? 'SIGTERM');
}

/** Prints an error, without secrets, and with its stack if it is unexpected. @returns the exit code. */
function report(error: unknown, secrets: readonly Secret[]): number {
  const isExpected = error instanceof IngestError;
  const text = error instanceof Error && !isExpected ? (error.stack ?? error.message) : messageOf(error);
  process.stderr.write(`${escapeLines(scrub(text, secrets))}\n`);
  return isExpected ? error.exitCode : ExitCode.failed;
}

// Mistakes in the settings quote no secret.
process.exitCode = await main(process.argv.slice(2)).catch((error) => report(error, []));
