import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** The entries of a list as `sha256sum` writes it: file → SHA-256 in hex. */
function readList(list) {
  const lines = readFileSync(list, 'utf8').split('\n').filter(Boolean);
  return new Map(lines.map((line) => [line.slice(66), line.slice(0, 64)]));
}

const sha256 = (file) => createHash('sha256').update(readFileSync(file)).digest('hex');

/**
 * Refuses downloaded files that differ from the checked-in list. A registry's own checksums have the same source as the file;
 * these were reviewed with the code.
 * @param folder the downloaded files. @param list their checksums. @param matches selects the entries of the list that must exist.
 * @throws Error with one line: which file differs, and what to do.
 */
export function verify(folder, list, matches = () => true) {
  const expected = new Map([...readList(list)].filter(([file]) => matches(file)));
  const found = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile());
  const names = new Set(found.map(({ name }) => name));
  const wrong = [
    ...[...names].filter((name) => !expected.has(name)).map((name) => `${name} is not in the list`),
    ...[...expected.keys()].filter((name) => !names.has(name)).map((name) => `${name} is missing`),
    ...[...expected]
      .filter(([name, hash]) => names.has(name) && sha256(join(folder, name)) !== hash)
      .map(([name]) => `${name} has a different SHA-256`),
  ];
  if (wrong.length === 0) return;
  const more = wrong.length > 1 ? ` (and ${wrong.length - 1} more)` : '';
  throw new Error(
    `refused a file from Maven: ${wrong[0]}${more}, see ${basename(list)}; delete that file below ~/.m2/repository, check where Maven downloads from, and run again`,
  );
}
