import { isUtf8 } from 'node:buffer';

/**
 * Levels of arrays and objects in a document. DuckDB's json_structure and its like recurse: at 20,000 levels their stack
 * overflows and the process that ran the query dies. TMDb's documents have four.
 */
const maxDepth = 5_000;

const quote = 0x22;
const backslash = 0x5c;
const opening = new Set([0x5b, 0x7b]);
const closing = new Set([0x5d, 0x7d]);

/** What every warehouse asks of a document before it looks for JSON in it: UTF-8, and no deeper than a query can follow. */
export const isStorable = (body: Buffer): boolean =>
  // Each level takes two bytes, so hardly a document has to be looked through.
  isUtf8(body) && (body.length < 2 * maxDepth || depthOf(body) <= maxDepth);

/** An escaped high surrogate without its low one, or a low one without its high one. */
const halfPair = /\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]/;

/**
 * Storable, and JSON as its grammar has it (RFC 8259) without half a surrogate pair: for warehouses that cannot be asked, or
 * that would take more than that. A byte order mark is none of it.
 */
export function isStrictJson(body: Buffer): boolean {
  if (!isStorable(body)) return false;
  const text = body.toString();
  try {
    JSON.parse(text);
  } catch {
    return false;
  }
  return !halfPair.test(text.replaceAll('\\\\', '  '));
}

function depthOf(body: Buffer): number {
  let depth = 0;
  let deepest = 0;
  let isInText = false;
  for (let index = 0; index < body.length; index += 1) {
    const byte = body[index] ?? 0;
    if (byte === quote) isInText = !isInText;
    else if (isInText) index += byte === backslash ? 1 : 0;
    else if (opening.has(byte)) deepest = Math.max(deepest, ++depth);
    else if (closing.has(byte)) depth -= 1;
  }
  return deepest;
}
