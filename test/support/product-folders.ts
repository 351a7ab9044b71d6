/** The layers, from the top down. A folder imports only from lower layers, and never from another folder of its own layer. */
export const floors: readonly (readonly string[])[] = [
  ['cli.ts'],
  ['commands'],
  ['pipeline'],
  ['replay', 'dead-letters', 'dashboard'],
  ['producers', 'consumers', 'transform'],
  ['platform'],
  ['sandbox'],
  ['kafka', 'tmdb', 'warehouse'],
  ['schemas'],
  ['runtime'],
];

/** The folders of the product's TypeScript sources. */
export const productFolders: readonly string[] = floors.flat().filter((name) => !name.endsWith('.ts'));
