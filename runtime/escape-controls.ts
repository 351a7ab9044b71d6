/**
 * Escapes as JSON does what can change how other text is shown: control characters, format characters (bidirectional controls,
 * zero-width characters), line and paragraph separators, and halves of surrogate pairs. Text of others must neither steer a terminal,
 * nor begin a line of a log, nor look like something else. Valid JSON stays valid and keeps its meaning.
 */
export const escapeControls = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (found) =>
    Array.from({ length: found.length }, (_, unit) => escapeOf(found.charCodeAt(unit))).join(''),
  );

/** The same for a text of several lines, whose line breaks are ours. */
export const escapeLines = (text: string): string => text.split('\n').map(escapeControls).join('\n');

const escapeOf = (unit: number): string => `\\u${unit.toString(16).padStart(4, '0')}`;
