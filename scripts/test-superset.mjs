/**
 * `npm run test:superset`: Superset with the bundle of deploy/superset, on a GOLD that is published again and again. It installs Superset
 * from the package index, once: about 900 MB. If that fails, it prints "SKIPPED" with the reason and ends with exit code 77. Arguments go
 * to vitest.
 */
import { ensure, exec, explain, fail, node } from './setup.mjs';

await ensure(['npm']).catch(fail);
try {
  await ensure(['superset']);
} catch (error) {
  process.stdout.write(`SKIPPED  the tests of Superset: ${explain(error)}`);
  process.exit(77);
}
const config = ['--config', 'test/superset/vitest.config.ts'];
process.exit(await exec(node(), ['node_modules/vitest/vitest.mjs', 'run', ...config, ...process.argv.slice(2)]));
