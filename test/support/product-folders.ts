/** From the top down. A folder imports only from folders of lower floors, and never from a neighbour on its own floor. */
export const floors: readonly (readonly string[])[] = [
  ['cli.ts'],
  ['commands'],
  ['pipeline'],
  ['replay', 'dead-letters'],
  ['producers', 'consumers', 'transform'],
  ['platform'],
  ['sandbox'],
  ['kafka', 'tmdb', 'warehouse'],
  ['schemas'],
  ['runtime'],
];

/** The folders of the product's own TypeScript. */
export const productFolders: readonly string[] = floors.flat().filter((name) => !name.endsWith('.ts'));
