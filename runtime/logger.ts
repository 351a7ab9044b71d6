import { pino } from 'pino';
import { escapeControls } from './escape-controls.ts';
import { scrubAll } from './scrub.ts';
import type { Secret } from './secret.ts';
import { writeOrLose } from './standard-output.ts';

export type { Logger } from 'pino';

/**
 * One JSON object a line on standard error: standard output is for data. Whatever a library put into a message, the
 * secrets are taken out of the finished line's strings; whatever somebody else wrote, it stays one line of plain characters.
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
