import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isInFastTier } from '../tiers.ts';

const root = join(import.meta.dirname, '../..');

/** A test whose name starts with the ids of the rows of docs/guarantees.md that it shows: `[R15 S2] stops at ...`. */
export interface Evidence {
  /** From the project folder. */
  readonly file: string;
  readonly rows: readonly string[];
  /** As written in the file, including the ids. */
  readonly name: string;
  /** Whether `npm test` runs it. */
  readonly isFast: boolean;
}

const idsOf = (text: string): string[] => text.split(/[ ,]+/);

/** The marked tests of a TypeScript file. */
export function evidenceIn(file: string, source: string): Evidence[] {
  return [...source.matchAll(/(['"`])(\[([PRSZ]\d+(?: [PRSZ]\d+)*)\] (?:(?!\1).)+)\1/g)].map(
    ([, , name = '', ids = '']) => ({ file, rows: idsOf(ids), name, isFast: isInFastTier(file, name, source) }),
  );
}

/** The marked unit tests of dbt: `tags: [R88]`. They run with each build, in `integration/dbt/empty-warehouse.test.ts`. */
export function evidenceInYaml(file: string, source: string): Evidence[] {
  return source.split(/^ {2}- name: /m).flatMap((test) => {
    const [, ids] = /^ +tags: \[([PRSZ]\d+(?:, [PRSZ]\d+)*)\]$/m.exec(test) ?? [];
    return ids === undefined ? [] : [{ file, rows: idsOf(ids), name: test.split('\n')[0] ?? '', isFast: true }];
  });
}

/** This module and its test contain marks that are only examples. */
const isExample = (file: string): boolean =>
  file.startsWith('test/generated-pages/') || file === 'test/unit/guarantees.test.ts';

/** All marked tests of the project, by file. */
export function allEvidence(): Evidence[] {
  const files = filesIn('test', '.ts').filter((file) => !isExample(file));
  return [
    ...files.flatMap((file) => evidenceIn(file, read(file))),
    ...filesIn('dbt/models', '.yml').flatMap((file) => evidenceInYaml(file, read(file))),
  ];
}

const read = (file: string): string => readFileSync(join(root, file), 'utf8');

const filesIn = (folder: string, ending: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(ending))
    .map((file) => join(folder, file))
    .toSorted();
