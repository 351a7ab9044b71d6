/** `npm start`, `npm run cli -- COMMAND`: installs what is missing, then becomes the command line. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { canRunJars, dockerAnswers, ensure, exec, fail, node, root } from './setup.mjs';

// KAFKA_BROKERS may stand there.
if (existsSync('.env')) process.loadEnvFile?.('.env');

/** The broker's jars are needed unless a broker is there already or only Docker can run one. */
const needsJars = () => !process.env.KAFKA_BROKERS && (canRunJars() || !dockerAnswers());

try {
  await ensure(['npm', 'dbt', ...(needsJars() ? ['kafka'] : [])]);
} catch (error) {
  fail(error);
}
process.exit(await exec(node(), [join(root, 'cli.ts'), ...process.argv.slice(2)]));
