import { writeSync } from 'node:fs';
import { errorLine } from './error-line.ts';
import { ExitCode, IngestError } from './errors.ts';
import { meaningOf } from './file-error.ts';

/** How long (ms) to wait for a full pipe, and how often to retry. */
const pipe = { waitMs: 10, tries: 500 };

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/**
 * Writes all of a text, synchronously. Waits for a pipe whose reader is slow. A log is a side output: on a full disk, or without
 * a reader, the text is lost and the process continues.
 * @returns whether all of it was written.
 */
export function writeOrLose(descriptor: number, text: string): boolean {
  let rest = Buffer.from(text);
  for (let tries = 0; rest.length > 0; ) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest));
    } catch (error) {
      tries += 1;
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || tries > pipe.tries) return false;
      Atomics.wait(sleeper, 0, 0, pipe.waitMs);
    }
  }
  return true;
}

/** Standard output has no reader any more, or its disk is full. */
class OutputError extends IngestError {
  readonly code = 'output_unwritable';
  readonly retriable = false;
}

/**
 * Standard output has the data: if it cannot be written, the command has failed. Standard error has
 * messages for the user: if they are lost, the work continues. Without this guard, both end the process with a stack trace.
 * @param isJson whether the message is a line of JSON.
 */
export function guardStandardStreams(isJson: boolean): void {
  process.stderr.on('error', () => {});
  process.stdout.on('error', ({ code = '' }: NodeJS.ErrnoException) => {
    const reason = code === 'EPIPE' ? 'its reader has ended' : meaningOf(code);
    const error = new OutputError(`standard output cannot be written: ${reason}`);
    writeOrLose(2, isJson ? errorLine(error) : `${error.message}\n`);
    process.exit(ExitCode.failed);
  });
}
