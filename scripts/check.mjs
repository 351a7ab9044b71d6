/** `npm run check`: everything that is fast enough for every commit. Stops at the first failure. */
import { runTests } from './setup.mjs';

await runTests('check', ['npm', 'lint']);
