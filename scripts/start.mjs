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
process.exit(await supervise(node(), [join(root, 'cli.ts'), ...process.argv.slice(2)]));
