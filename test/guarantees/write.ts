import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { allEvidence } from './evidence.ts';
import { withTests } from './page.ts';

/** `npm run docs`: writes which tests show each row of docs/guarantees.md, from the ids in the names of the tests. */
const path = join(import.meta.dirname, '../../docs/guarantees.md');
writeFileSync(path, withTests(readFileSync(path, 'utf8'), allEvidence()));
