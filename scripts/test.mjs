/**
 * `npm test`: the fast tier, set-up included. Arguments go to vitest (`npm test -- kafka`), and then only vitest runs, with
 * the tests of the full tier.
 */
import { ensure, exec, fail, runTests, testParts } from './setup.mjs';

const args = process.argv.slice(2).filter((arg) => arg !== '--record');
if (args.length === 0) await runTests('fast');
await ensure(testParts()).catch(fail);
process.exit(await exec('vitest', ['run', ...args]));
