import { escapeControls, escapeLines } from '../../runtime/escape-controls.ts';
import { screenWidth, wrapText } from '../../runtime/screen.ts';
import { scrub, scrubAll } from '../../runtime/scrub.ts';
import type { Secret } from '../../runtime/secret.ts';

let secrets: readonly Secret[] = [];

/** Sets the secrets that `print` removes from its output from now on. */
export const neverPrint = (known: readonly Secret[]): void => {
  secrets = known;
};

/**
 * Writes data to standard output: JSON for a program, `text` for a person. Removes secrets and escapes control characters. On a terminal,
 * lines of a text are broken at its right edge.
 */
export function print(options: { readonly json: boolean }, data: unknown, text: (() => string) | string): void {
  const json = () =>
    escapeControls(JSON.stringify(scrubAll(JSON.parse(JSON.stringify(data, bigintAsNumber)), secrets)));
  const plain = () => wrapText(escapeLines(scrub(typeof text === 'string' ? text : text(), secrets)), screenWidth());
  process.stdout.write(`${options.json ? json() : plain()}\n`);
}

const bigintAsNumber = (_: string, value: unknown) => (typeof value === 'bigint' ? Number(value) : value);
