/** The blocks of a file of dbt's documentation, by name. */
export const docsBlocks = (text: string): Map<string, string> =>
  new Map(
    [...text.matchAll(/{%\s*docs\s+(\w+)\s*%}(.*?){%\s*enddocs\s*%}/gs)].map(([, name = '', body = '']) => [
      name,
      body.trim(),
    ]),
  );
