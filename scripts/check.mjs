/** `npm run check`: everything that is fast enough for every commit. */
import { runTests } from './setup.mjs';

await runTests('check', ['npm', 'lint']);
