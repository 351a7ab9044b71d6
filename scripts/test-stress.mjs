/** `npm run test:stress -- FILE... [--times 20] [--load 8]`: repeats test files, under load if requested. */
import { runTests } from './setup.mjs';

await runTests('stress');
