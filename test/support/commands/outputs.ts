import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { Command } from '../../../commands/engine/command.ts';
import { commandsByWords } from '../../../commands/index.ts';
import { errorLineShape, logLineShape, progressLineShape } from '../../../runtime/standard-error.ts';

/** A time that is not in ISO 8601 with Z. */
const otherTime = /^\d{4}-\d\d-\d\d(?:$|[ T]\d\d:\d\d)(?!.*Z$)/;

/**
 * Checks a line of JSON against a shape: it has exactly the keys of the shape, and each time is in UTC.
 * @throws Error that says what is wrong.
 */
export function checkLine(shape: z.ZodType, line: string): void {
  const parsed: unknown = JSON.parse(line, (key, value) => {
    if (typeof value === 'string' && otherTime.test(value)) throw new Error(`${key} is no time in UTC: ${value}`);
    return value;
  });
  if (!isDeepStrictEqual(z.encode(shape, z.decode(shape, parsed)), parsed)) {
    throw new Error(`it has other keys than its shape: ${line}`);
  }
}

/** The command of a command line. */
const commandOf = ([first = '', second = '']: readonly string[]): Command | undefined =>
  commandsByWords.get(`${first} ${second}`) ?? commandsByWords.get(first);

/** Checks what a command with `--json` has printed. @throws Error if a line is not JSON of its shape. */
export async function checkOutput(args: readonly string[], stdout: string): Promise<void> {
  const shape = await commandOf(args)?.shape?.();
  if (!shape || stdout === '') return;
  if (!stdout.endsWith('\n')) throw new Error('the last line has no end');
  for (const line of stdout.slice(0, -1).split('\n')) checkLine(shape, line);
}

/** The shape of a line that a command with `--json` may write to standard error. */
const lineShapes = { error: errorLineShape, progress: progressLineShape, msg: logLineShape };

/** Checks what a command with `--json` has written to standard error. @returns its lines. @throws Error if one has no known shape. */
export function checkErrorStream(stderr: string): Record<string, unknown>[] {
  return stderr
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const parsed = JSON.parse(line) as Record<string, unknown>;
      const kind = (['error', 'progress'] as const).find((key) => typeof parsed[key] === 'object');
      checkLine(lineShapes[kind ?? 'msg'], line);
      return parsed;
    });
}
