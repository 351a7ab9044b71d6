import packageJson from '../../package.json' with { type: 'json' };
import { type Config, dropSecrets, loadConfig, readEnvironment } from '../../platform/config.ts';
import { toolsDir } from '../../platform/context.ts';
import { refuseForeignFolder } from '../../platform/data-dir.ts';
import { placesOf, preparePlaces, withSetting } from '../../platform/places.ts';
import { systemClock } from '../../runtime/clock.ts';
import { errorLine, exitCodeOf } from '../../runtime/error-line.ts';
import { ExitCode, IngestError } from '../../runtime/errors.ts';
import { asFileError } from '../../runtime/file-error.ts';
import { Health } from '../../runtime/health.ts';
import { createJsonProgress } from '../../runtime/json-progress.ts';
import { createLogger } from '../../runtime/logger.ts';
import { createMetrics } from '../../runtime/metrics.ts';
import { createProgress, noProgress, type Progress } from '../../runtime/progress.ts';
import { failureText } from '../../runtime/screen.ts';
import { scrub } from '../../runtime/scrub.ts';
import { shutdownSignal } from '../../runtime/shutdown.ts';
import { haveInstalled, takeWrapperMark } from '../../runtime/wrapper.ts';
import { findServer } from '../../tmdb/token-bucket/local-store.ts';
import type { Invocation, Tool } from './command.ts';
import { neverPrint } from './print.ts';

const { version } = packageJson;

/** Reads the settings, creates the command's context, and runs the command. @returns the exit code. */
export async function runCommand(invocation: Invocation): Promise<number> {
  const environment = readEnvironment();
  const isWrapped = takeWrapperMark(environment);
  // A command that opens no warehouse needs none of its credentials.
  const config = loadConfig(invocation.isOffline ? { ...environment, WAREHOUSE: '' } : environment);
  dropSecrets(environment);
  neverPrint(config.secrets);
  refuseForeignFolder(config.dataDir);
  const { isService, isJson } = invocation;
  const metrics = createMetrics(version);
  const level = config.logLevel ?? invocation.logLevel ?? (isService ? 'info' : 'warn');
  const isForPerson = !isService && !isJson && process.stderr.isTTY;
  const log = createLogger(level, config.secrets, {
    ...{ service: invocation.service, version },
    onLost: () => metrics.logLinesLost.inc(),
    ...(isForPerson && { show: (text: string) => progress.note(text) }),
  });
  const say = (text: string) => {
    if (isService) log.info(text);
    else if (isJson) log.warn(text);
    else process.stderr.write(`\n${text}\n`);
  };
  const signal = shutdownSignal({ drainTimeoutMs: config.drainTimeoutMs, isWrapped, say });
  const logged: Progress = { ...noProgress, note: (text) => log.info(text), wait: (text) => log.warn(text) };
  const shown = () =>
    isJson
      ? { ...logged, ...createJsonProgress(process.stderr, systemClock) }
      : createProgress(process.stderr, systemClock, config.secrets);
  using progress = isService ? logged : shown();
  try {
    preparePlaces(placesOf(config, invocation.writes));
    const tools = invocation.tools.filter((tool) => isNeeded(tool, config));
    await haveInstalled(tools, { isWrapped, signal });
    const health = new Health(systemClock, config.secrets);
    return await invocation.run({ config, log, progress, signal, metrics, health });
  } catch (thrown) {
    const first = asFileError(firstOf(thrown));
    const error = first instanceof IngestError ? withSetting(first, config) : first;
    // A service that is told to stop while it starts has nothing to drain.
    if (error === signal.reason && isService) return ExitCode.done;
    if (error === signal.reason) throw error;
    const clean = scrub(error instanceof IngestError ? error.message : inspectable(error), config.secrets);
    progress[Symbol.dispose]();
    if (isService) log.fatal({ error: clean }, 'service failed');
    else process.stderr.write(isJson ? errorLine(error, config.secrets) : failureText(clean));
    return exitCodeOf(error);
  }
}

/** Whether the settings leave this tool to us. A token store is only for the broker of `up`. */
function isNeeded(tool: Tool, { kafka, childEnvironment }: Config): boolean {
  if (tool === 'dbt') return true;
  if (kafka.brokers) return false;
  return tool === 'kafka' || !findServer(childEnvironment['PATH'] ?? '', toolsDir).isInstalled;
}

/** The first error. A later error while closing, as on a full disk, is a consequence and would hide it. */
const firstOf = (error: unknown): unknown => (error instanceof SuppressedError ? firstOf(error.suppressed) : error);

/** Unexpected errors include their stack. */
const inspectable = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error);
