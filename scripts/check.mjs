/** `npm run check`: what is quick enough to run before every commit. Stops at the first thing that fails. */
import { join } from 'node:path';
import { ensure, exec, fail, root } from './setup.mjs';

const lint = (tool) => join(root, '.tools', 'lint', 'bin', tool);

const checks = [
  ['types', 'tsc', []],
  ['code style', 'biome', ['check', '--error-on-warnings', '.']],
  ['dead code', 'knip', []],
  ['SQL format', lint('sqlfmt'), ['--check', '--quiet', 'dbt']],
  ['SQL lint', lint('sqlfluff'), ['lint', '--nocolor', '--processes', '2', 'dbt/models', 'dbt/tests']],
  ['unit and contract tests', 'vitest', ['run', '--project', 'unit', '--project', 'contract', '--reporter', 'dot']],
];

await ensure(['npm', 'lint', 'redis', 'snowflake']).catch(fail);
for (const [what, command, args] of checks) {
  const started = Date.now();
  const code = await exec(command, args);
  process.stderr.write(
    `check: ${what} ${code === 0 ? 'passed' : 'FAILED'} in ${((Date.now() - started) / 1000).toFixed(1)} s\n`,
  );
  if (code !== 0) process.exit(code);
}
