#!/usr/bin/env node
import { parseArgs } from 'node:util';
import type { Command, Values } from './commands/command.ts';
import { commands } from './commands/index.ts';
import { systemClock } from './lib/clock.ts';
import { loadConfig, readEnvironment } from './lib/config.ts';
import { ExitCode, IngestError, messageOf, UsageError } from './lib/errors.ts';
import { createLogger } from './lib/logger.ts';
import { createProgress, noProgress } from './lib/progress.ts';
import { scrub } from './lib/secret.ts';
import { shutdownSignal } from './lib/shutdown.ts';

const overview = (): string => {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return `tmdb-stream: TMDb's popular movies through Kafka into BRONZE, SILVER and GOLD

usage: npm run cli -- COMMAND [options]        (npm start is: run --once)

${lines.join('\n')}

COMMAND --help tells more. Settings come from the environment and from .env; the README lists them.
Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 credentials refused, 130/143 stopped by a signal.`;
};

async function main(argv: readonly string[]): Promise<number> {
  const [name, ...args] = argv;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(`${overview()}\n`);
    return name === undefined ? ExitCode.usage : ExitCode.done;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) throw new UsageError(`there is no command "${name}"; --help lists them`);
  const { values, positionals } = parse(name, command, args);
  if (values['help']) {
    process.stdout.write(`${command.help}\n`);
    return ExitCode.done;
  }
  return run(command, values, positionals);
}

function parse(name: string, command: Command, args: readonly string[]) {
  try {
    const options = { ...command.options, help: { type: 'boolean', short: 'h' } } as const;
    const parsed = parseArgs({ args: [...args], options, allowPositionals: command.takesPositionals ?? false });
    return { values: parsed.values as Values, positionals: parsed.positionals };
  } catch (error) {
    throw new UsageError(`${name}: ${messageOf(error)}; "${name} --help" shows what it takes`);
  }
}

async function run(command: Command, values: Values, positionals: readonly string[]): Promise<number> {
  const config = loadConfig(readEnvironment());
  const log = createLogger(config.logLevel ?? command.logLevel ?? 'info', config.secrets);
  const signal = shutdownSignal();
  using progress = values['json'] ? noProgress : createProgress(process.stderr, systemClock);
  try {
    return await command.run({ config, log, progress, signal }, values, positionals);
  } catch (error) {
    if (error === signal.reason) throw error;
    const clean = scrub(error instanceof IngestError ? error.message : inspectable(error), config.secrets);
    progress[Symbol.dispose]();
    process.stderr.write(`${clean}\n`);
    return error instanceof IngestError ? error.exitCode : ExitCode.failed;
  }
}

/** What we did not foresee needs its stack. */
const inspectable = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error);

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = error instanceof IngestError ? error.exitCode : ExitCode.failed;
}
