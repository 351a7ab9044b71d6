import { pino } from 'pino';
import { escapeControls } from './escape-controls.ts';
import { scrubAll } from './scrub.ts';
import type { Secret } from './secret.ts';
import { writeOrLose } from './standard-output.ts';

export type { Logger } from 'pino';

export interface LoggerOptions {
  /** Written to each line: which service it is of. The same field of a child replaces it. @default 'tmdb-stream' */
  readonly service?: string | undefined;
  /** Written to each line. @default none */
  readonly version?: string;
  /** Called for each line that could not be written, such as on a full disk. */
  readonly onLost?: () => void;
}

/**
 * Writes one JSON object per line to standard error; standard output is for data. Secrets are removed from all strings of the finished line,
 * whatever a library put into a message. Foreign text stays on one line of plain characters.
 */
export const createLogger = (
  level: string,
  secrets: readonly Secret[],
  { service = 'tmdb-stream', version, onLost = () => {} }: LoggerOptions = {},
) =>
  pino(
    {
      level,
      base: { service, ...(version !== undefined && { version }) },
      timestamp: pino.stdTimeFunctions.isoTime,
      // A child repeats fields of its parent: the last one, its own, stays.
      hooks: { streamWrite: (line) => `${escapeControls(JSON.stringify(scrubAll(JSON.parse(line), secrets)))}\n` },
    },
    { write: (line) => void (writeOrLose(2, line) || onLost()) },
  );
