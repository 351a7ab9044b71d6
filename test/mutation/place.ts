const marker = /(?:\/\/|--|\{#) mutant: ([\w.-]+)(?: #\})?[ \t]*$/;

/** Names of the places in a source that a mutant can change, in their order. */
export const placesIn = (source: string): string[] =>
  source.split('\n').flatMap((line) => marker.exec(line)?.[1] ?? []);

/**
 * The source, changed at a place. A place is a statement with the comment `mutant: NAME`, at the end of its first line or on the
 * line above. A statement ends before the next line that is indented no deeper, a closing bracket at the same depth included.
 * @throws Error if the source does not have the place exactly once, or `change` changes nothing.
 */
export function changeAt(source: string, place: string, change: (code: string) => string): string {
  const lines = source.split('\n');
  const found = lines.flatMap((line, index) => (marker.exec(line)?.[1] === place ? [index] : []));
  const [at] = found;
  if (at === undefined || found.length > 1)
    throw new Error(`expected the place "${place}" once, found it ${found.length} times`);
  const line = (lines[at] ?? '').replace(marker, '').trimEnd();
  const start = line === '' ? at + 1 : at;
  const end = endOfStatement(lines, start);
  const code = [...(line === '' ? [] : [line]), ...lines.slice(at + 1, end)].join('\n');
  const changed = change(code);
  if (changed === code) throw new Error(`the change at "${place}" changes nothing`);
  return [...lines.slice(0, at), changed, ...lines.slice(end)].join('\n');
}

function endOfStatement(lines: readonly string[], start: number): number {
  const depth = depthOf(lines[start] ?? '');
  const next = lines.findIndex((line, index) => index > start && line.trim() !== '' && depthOf(line) <= depth);
  if (next < 0) return lines.length;
  const closes = depthOf(lines[next] ?? '') === depth && /^\s*(?:[)}\]]|end\b|%\})/.test(lines[next] ?? '');
  return closes ? next + 1 : next;
}

const depthOf = (line: string): number => line.length - line.trimStart().length;
