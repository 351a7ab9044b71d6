/** `.ci/run`: `npm test`, then as much of the full tier as there is time for. */
import { runTests } from './setup.mjs';

await runTests('ci');
