import { pino } from 'pino';
import { escapeControls } from './escape-controls.ts';
import { scrubAll } from './scrub.ts';
import type { Secret } from './secret.ts';
import { writeOrLose } from './standard-output.ts';

export type { Logger } from 'pino';

/**
 * Writes one JSON object per line to standard error; standard output is for data. Secrets are removed from all strings of the finished line,
 * whatever a library put into a message. Foreign text stays on one line of plain characters.
 * @param onLost called for each line that could not be written, such as on a full disk.
 */
export const createLogger = (level: string, secrets: readonly Secret[], onLost: () => void = () => {}) =>
  pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      hooks: { streamWrite: (line) => `${escapeControls(JSON.stringify(scrubAll(JSON.parse(line), secrets)))}\n` },
    },
    { write: (line) => void (writeOrLose(2, line) || onLost()) },
  );
