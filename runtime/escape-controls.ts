/**
 * Escapes characters that can change how other text is displayed, in the form of JSON: control characters, format characters (bidirectional controls,
 * zero-width characters), line and paragraph separators, and lone surrogates. Foreign text must not control a terminal,
 * start a new log line or imitate other text. Valid JSON stays valid and keeps its meaning.
 */
export const escapeControls = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (found) =>
    Array.from({ length: found.length }, (_, unit) => escapeOf(found.charCodeAt(unit))).join(''),
  );

/** The same for a text of several lines whose line breaks come from us. */
export const escapeLines = (text: string): string => text.split('\n').map(escapeControls).join('\n');

const escapeOf = (unit: number): string => `\\u${unit.toString(16).padStart(4, '0')}`;
