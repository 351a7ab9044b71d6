#!/usr/bin/env node
/**
 * `tmdb-stream COMMAND`, `npm run cli -- COMMAND`, `npm start`: installs the npm packages, then runs the command line. The command
 * line installs the other tools that its command and the settings need.
 */
import { join } from 'node:path';
import { ensure, fail, node, root } from './setup.mjs';
import { supervise } from './supervise.mjs';

try {
  await ensure(['npm']);
} catch (error) {
  fail(error);
}
/**
 * The largest half (MB) of V8's young generation, as in Node 22. Node 24 takes up to 64 MB twice on a machine with much memory: the
 * producer of a million ids then needs 90 MB more, for the same CPU time.
 */
const youngGeneration = '--max-semi-space-size=16';

process.exit(await supervise(node(), [youngGeneration, join(root, 'cli.ts'), ...process.argv.slice(2)]));
