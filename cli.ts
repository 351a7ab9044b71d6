#!/usr/bin/env node
import { parse } from './commands/engine/parse.ts';
import { systemClock } from './runtime/clock.ts';
import { endProcess } from './runtime/end-process.ts';
import { errorLine, exitCodeOf } from './runtime/error-line.ts';
import { ExitCode, messageOf } from './runtime/errors.ts';
import { failureText } from './runtime/screen.ts';
import { guardStandardStreams } from './runtime/standard-output.ts';

async function main(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, systemClock.now());
  if ('text' in parsed) {
    process.stdout.write(`${parsed.text}\n`);
    return argv.length === 0 ? ExitCode.usage : ExitCode.done;
  }
  const { invocation } = parsed;
  // Help needs none of this code, and prints without loading it.
  const { runCommand } = await import('./commands/engine/run-command.ts');
  const code = await runCommand(invocation);
  // Everything is closed by now, and a restart policy waits for the end.
  if (invocation.isService) process.exit(code);
  return code;
}

const argv = process.argv.slice(2);
// Also for arguments that cannot be parsed: the program that passed them reads JSON.
const isJson = argv.includes('--json');
guardStandardStreams(isJson);
try {
  endProcess(await main(argv));
} catch (error) {
  process.stderr.write(isJson ? errorLine(error) : failureText(messageOf(error)));
  endProcess(exitCodeOf(error));
}
