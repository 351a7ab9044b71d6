/** `npm run test:stress -- FILE... [--times 20] [--load 8]`: repeats test files, under load when asked to. */
import { runTests } from './setup.mjs';

await runTests('stress');
