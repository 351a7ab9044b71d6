import { isUtf8 } from 'node:buffer';

/**
 * Levels of arrays and objects in a document. DuckDB's json_structure and similar functions recurse: at 20,000 levels their stack
 * overflows and ends the process that runs the query. TMDb's documents have four levels.
 */
const maxDepth = 5_000;

const quote = 0x22;
const backslash = 0x5c;
const opening = new Set([0x5b, 0x7b]);
const closing = new Set([0x5d, 0x7d]);

/** The checks for every warehouse before it parses JSON: UTF-8, and no deeper than a query can recurse. */
export const isStorable = (body: Buffer): boolean =>
  // Each level takes two bytes, so almost no document has to be scanned.
  isUtf8(body) && (body.length < 2 * maxDepth || depthOf(body) <= maxDepth);

/** An escaped high surrogate without a low one, or a low one without a high one. */
const halfPair = /\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]/;

/**
 * Whether a document is storable, and JSON by its grammar (RFC 8259) without lone surrogates: for warehouses that cannot check
 * this, or that would accept more. A byte order mark is not allowed.
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
