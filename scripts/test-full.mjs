/** `npm run test:full [-- --shard 2/6 | --suite NAME | --list]`: everything, or one shard of it. */
import { runTests } from './setup.mjs';

await runTests('full');
