import { z } from 'zod';
import { escapeControls, escapeLines } from '../../runtime/escape-controls.ts';
import { screenWidth, wrapText } from '../../runtime/screen.ts';
import { scrub, scrubAll } from '../../runtime/scrub.ts';
import type { Secret } from '../../runtime/secret.ts';
import type { ValueOf } from '../../runtime/shape.ts';

let secrets: readonly Secret[] = [];

/** Sets the secrets that `print` removes from its output from now on. */
export const neverPrint = (known: readonly Secret[]): void => {
  secrets = known;
};

/**
 * Writes the output of a command to standard output: one line of JSON for a program, `text` for a person. Removes secrets and escapes
 * control characters. On a terminal, lines of a text are broken at its right edge.
 * @param shape of the JSON, the one that the command's definition names. Other keys of `value` are not printed.
 * @throws Error if the value does not have the shape, which is a bug.
 */
export function print<Shape extends z.ZodType>(
  options: { readonly json: boolean },
  shape: Shape,
  value: ValueOf<Shape>,
  text: (() => string) | string,
): void {
  const json = () => escapeControls(JSON.stringify(scrubAll(z.encode(shape, value as z.output<Shape>), secrets)));
  const plain = () => wrapText(escapeLines(scrub(typeof text === 'string' ? text : text(), secrets)), screenWidth());
  process.stdout.write(`${options.json ? json() : plain()}\n`);
}
