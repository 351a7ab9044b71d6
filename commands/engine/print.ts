import { escapeControls, escapeLines } from '../../runtime/escape-controls.ts';
import { scrub, scrubAll } from '../../runtime/scrub.ts';
import type { Secret } from '../../runtime/secret.ts';

let secrets: readonly Secret[] = [];

/** Sets the secrets that `print` removes from its output from now on. */
export const neverPrint = (known: readonly Secret[]): void => {
  secrets = known;
};

/** Writes data to standard output: JSON for a program, `text` for a person. Removes secrets and escapes control characters. */
export function print(options: { readonly json: boolean }, data: unknown, text: (() => string) | string): void {
  const json = () =>
    escapeControls(JSON.stringify(scrubAll(JSON.parse(JSON.stringify(data, bigintAsNumber)), secrets)));
  const plain = () => escapeLines(scrub(typeof text === 'string' ? text : text(), secrets));
  process.stdout.write(`${options.json ? json() : plain()}\n`);
}

const bigintAsNumber = (_: string, value: unknown) => (typeof value === 'bigint' ? Number(value) : value);
