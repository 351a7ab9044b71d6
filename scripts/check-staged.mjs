/**
 * `npm run check:staged`, and the pre-commit hook: types, and the style of the files staged for the commit. It takes seconds.
 * `npm run check` adds dead code and unit tests.
 */
import { runTests } from './setup.mjs';

await runTests('check-staged', ['npm', 'lint']);
