/** `npm start`, `npm run cli -- COMMAND`: installs what is missing, then becomes the command line. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ensure, fail, node, root } from './setup.mjs';
import { supervise } from './supervise.mjs';

// KAFKA_BROKERS may stand there.
if (existsSync('.env')) process.loadEnvFile?.('.env');

try {
  await ensure(['npm', 'dbt', ...(process.env.KAFKA_BROKERS ? [] : ['kafka'])]);
} catch (error) {
  fail(error);
}
process.exit(await supervise(node(), [join(root, 'cli.ts'), ...process.argv.slice(2)]));
