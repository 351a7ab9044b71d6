/** Control characters as JSON writes them: what somebody else wrote must neither steer a terminal nor begin a line of a log. */
export const escapeControls = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped
  text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`);
