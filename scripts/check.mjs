/** `npm run check`: what is quick enough to run before every commit. Stops at the first thing that fails. */
import { runTests } from './setup.mjs';

await runTests('check', ['npm', 'lint']);
