import type { z } from 'zod';
import { ExitCode, IngestError, messageOf } from './errors.ts';
import { escapeControls } from './escape-controls.ts';
import { scrubAll } from './scrub.ts';
import type { Secret } from './secret.ts';
import type { errorLineShape } from './standard-error.ts';

type ErrorLine = z.input<typeof errorLineShape>;

/** The exit code of a process that ends with this error. */
export const exitCodeOf = (error: unknown): number => (error instanceof IngestError ? error.exitCode : ExitCode.failed);

/** An error as a line of JSON, for a command with `--json`. @param secrets are removed from it. */
export function errorLine(error: unknown, secrets: readonly Secret[] = []): string {
  const { stack } = error instanceof Error ? error : {};
  const isExpected = error instanceof IngestError;
  const line: ErrorLine = {
    time: new Date().toISOString(),
    error: {
      code: isExpected ? error.code : 'unexpected',
      message: messageOf(error),
      retriable: isExpected && error.retriable,
      exitCode: exitCodeOf(error),
      ...(!isExpected && stack !== undefined && { stack }),
    },
  };
  return `${escapeControls(JSON.stringify(scrubAll(line, secrets)))}\n`;
}
