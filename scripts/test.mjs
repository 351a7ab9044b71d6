/**
 * `npm test`: everything there is to prove, set-up included. Arguments go to vitest (`npm test -- kafka`), and then
 * only vitest runs.
 */
import { join } from 'node:path';
import { canRunJars, ensure, exec, fail, root } from './setup.mjs';

const kafka = process.env.KAFKA_BROKERS || !canRunJars() ? [] : ['kafka'];
await ensure(['npm', 'dbt', 'lint', 'redis', 'snowflake', ...kafka]).catch(fail);
const args = process.argv.slice(2);
if (args.length > 0) process.exit(await exec('vitest', ['run', ...args]));
const steps = [
  [process.execPath, [join(root, 'scripts', 'check.mjs')]],
  ['vitest', ['run', '--project', 'integration', '--project', 'deploy']],
  // One after the other: each runs many processes, and measures what they do to a limit.
  ['vitest', ['run', '--project', 'e2e', '--no-file-parallelism']],
  // With small numbers and no soak: `npm run test:faults` has the full ones.
  ['vitest', ['run', '--project', 'faults', '--no-file-parallelism']],
];
for (const [command, commandArgs] of steps) {
  const code = await exec(command, commandArgs);
  if (code !== 0) process.exit(code);
}
