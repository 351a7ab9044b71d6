#!/usr/bin/env node
/** `tmdb-stream COMMAND`, `npm run cli -- COMMAND`, `npm start`: installs what is missing, then becomes the command line. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { ensure, fail, node, root } from './setup.mjs';
import { supervise } from './supervise.mjs';

// KAFKA_BROKERS may stand there. Ours, not the one of the folder that we are called from. If it is no regular file, the command
// says so.
const dotEnv = join(root, '.env');
if (statSync(dotEnv, { throwIfNoEntry: false })?.isFile()) process.loadEnvFile?.(dotEnv);

try {
  await ensure(['npm', 'dbt', ...(process.env.KAFKA_BROKERS ? [] : ['kafka'])]);
} catch (error) {
  fail(error);
}
process.exit(await supervise(node(), [join(root, 'cli.ts'), ...process.argv.slice(2)]));
