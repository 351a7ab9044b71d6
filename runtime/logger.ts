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
  /** Shows a person each line, as a text instead of JSON. @default lines are written to standard error */
  readonly show?: (text: string) => void;
}

/**
 * Writes one JSON object per line to standard error; standard output is for data. A person at a terminal gets texts. Secrets are removed from all strings of the finished line,
 * whatever a library put into a message. Foreign text stays on one line of plain characters.
 */
export const createLogger = (
  level: string,
  secrets: readonly Secret[],
  { service = 'tmdb-stream', version, onLost = () => {}, show }: LoggerOptions = {},
) =>
  pino(
    {
      level,
      base: { service, ...(version !== undefined && { version }) },
      timestamp: pino.stdTimeFunctions.isoTime,
      // A child repeats fields of its parent: the last one, its own, stays.
      hooks: { streamWrite: (line) => `${escapeControls(JSON.stringify(scrubAll(JSON.parse(line), secrets)))}\n` },
    },
    { write: (line) => (show ? show(asText(line)) : void (writeOrLose(2, line) || onLost())) },
  );

/** `warn: Kafka is out of reach, waiting for it (reason: ...)` */
function asText(line: string): string {
  const { level, time: _, service: __, version: ___, msg, ...fields } = JSON.parse(line);
  const shown = Object.entries(fields).map(
    ([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return `${pino.levels.labels[level]}: ${msg}${shown.length > 0 ? ` (${shown.join(', ')})` : ''}`;
}
