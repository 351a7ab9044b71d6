/** `npm run test:mutants [-- [--core] [WORD...]]`: breaks the guarantees one by one and checks whether a test fails. */
import { join } from 'node:path';
import { ensure, exec, fail, node, root } from './setup.mjs';

await ensure(['npm', 'dbt', 'kafka', 'redis', 'snowflake']).catch(fail);
process.exit(await exec(node(), [join(root, 'test/mutation/run-mutants.ts'), ...process.argv.slice(2)]));
