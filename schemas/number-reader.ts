const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const openBracket = 0x5b;
const closeBrace = 0x7d;
const closeBracket = 0x5d;
const colon = 0x3a;

/** Letters can be written as `\u00XX` in a key. */
const escapedLetter = '\\u00';

/** Reads the number under one key of JSON objects. */
type NumberReader = (document: Buffer) => number | undefined;

/**
 * Reads the number under a key of a JSON object itself, not of an object inside it, without parsing the document. The work is
 * linear in the document's length at any depth, and usually far less: a native search finds the possible positions of the
 * key, and only the characters before the last of them are read one by one.
 * @param key only letters and underscores. @returns a reader, which returns undefined if there is no such key. It returns NaN if the
 * value is not a number, or if the key appears twice with different values, because JSON parsers disagree on which one counts. For
 * invalid JSON its result has no meaning; the warehouse refuses such a document.
 */
export function numberReader(key: string): NumberReader {
  const needle = `"${key}"`;
  return (document) => {
    // One character for each byte: only ASCII matters here, and no byte of another UTF-8 character looks like ASCII.
    const text = document.toString('latin1');
    // An escape sequence may spell the key: then every string of the document has to be read.
    if (text.includes(escapedLetter)) return read(text, text.length, needle);
    return read(text, lastPlace(text, needle) + 1, needle);
  };
}

/** The last possible position of the key at the document's top level; -1 if there is none. */
function lastPlace(text: string, needle: string): number {
  let last = -1;
  const start = afterSpace(text, 0);
  for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + needle.length)) {
    // The first key of a nested object is not at the top level: TMDb's lists are full of them.
    if (text.charCodeAt(at - 1) !== openBrace || at - 1 === start) last = at;
  }
  return last;
}

/** Reads strings and brackets up to `limit`, and the value of the key in `needle` if it is at the top level. */
function read(text: string, limit: number, needle: string): number | undefined {
  let found: number | undefined;
  let depth = 0;
  for (let at = 0; at < limit; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      const end = endOfText(text, at);
      // mutant: loader.top-level-id
      if (depth === 1 && isKey(text, at, end, needle)) {
        const value = valueBehind(text, end);
        if (value !== undefined) found = found === undefined || found === value ? value : Number.NaN; // mutant: loader.ambiguous-id
      }
      at = end;
    } else if (code === openBrace || code === openBracket) {
      depth += 1;
    } else if (code === closeBrace || code === closeBracket) {
      depth -= 1;
    }
  }
  return found;
}

/** The position of the closing quotation mark of the string that begins at `from`. */
function endOfText(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) return at;
    if (code === backslash) at += 1;
  }
  return text.length;
}

/** Longer than a key with each of its characters escaped, as `\u00XX`. */
const longestKey = 200;

/** Whether the string between two quotation marks is the key; `needle` includes both marks. */
function isKey(text: string, from: number, end: number, needle: string): boolean {
  const length = end + 1 - from;
  if (length === needle.length) return text.startsWith(needle, from);
  if (length < needle.length || length > longestKey) return false;
  const written = text.slice(from, end + 1);
  return written.includes(escapedLetter) && unescaped(written) === needle;
}

const unescaped = (text: string): string =>
  text.replaceAll(/\\u([\da-fA-F]{4})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));

/** Longer than any id, however it is written. */
const longestNumber = 40;

/** The value of the key that ends at `end`; undefined if that string is a value and not a key. */
function valueBehind(text: string, end: number): number | undefined {
  const at = afterSpace(text, end + 1);
  if (text.charCodeAt(at) !== colon) return undefined;
  const from = afterSpace(text, at + 1);
  const value = text.slice(from, from + longestNumber);
  const [number] = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?=[\s,}])/.exec(value) ?? [];
  if (number !== undefined) return Number(number);
  // Cut off within the value: this is not JSON, and names no other movie.
  const isCut = from + longestNumber >= text.length && !/[,}]/.test(value);
  return isCut ? undefined : Number.NaN;
}

function afterSpace(text: string, from: number): number {
  for (let at = from; ; at += 1) {
    const code = text.charCodeAt(at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at;
  }
}
