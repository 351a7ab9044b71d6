#!/usr/bin/env node
import { parse } from './commands/parse.ts';
import { systemClock } from './runtime/clock.ts';
import { ExitCode, IngestError, messageOf } from './runtime/errors.ts';
import { escapeLines } from './runtime/escape-controls.ts';
import { guardStandardStreams } from './runtime/standard-output.ts';

async function main(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, systemClock.now());
  if ('text' in parsed) {
    process.stdout.write(`${parsed.text}\n`);
    return argv.length === 0 ? ExitCode.usage : ExitCode.done;
  }
  const { invocation } = parsed;
  // A help needs none of this, and is there at once.
  const { runCommand } = await import('./commands/run-command.ts');
  const code = await runCommand(invocation);
  // All that was opened is closed. What kafkajs leaves behind after a broker was lost would keep the process for ever.
  if (invocation.isService) process.exit(code);
  return code;
}

guardStandardStreams();
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${escapeLines(messageOf(error))}\n`);
  process.exitCode = error instanceof IngestError ? error.exitCode : ExitCode.failed;
}
