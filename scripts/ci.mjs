/** `.ci/run`: `npm test`, then as many suites of the full tier as fit into the time. */
import { runTests } from './setup.mjs';

await runTests('ci');
