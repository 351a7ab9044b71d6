/**
 * `npm run check:staged`, and the pre-commit hook: types, and the style of the files staged for the commit. It takes seconds.
 * `npm run check` adds dead code and unit tests.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ensure, exec, fail, root } from './setup.mjs';

const staged = spawnSync('git', ['diff', '--cached', '--name-only', '--diff-filter=d', '-z'], { cwd: root });
const files = staged.stdout.toString().split('\0').filter(Boolean);
const sql = files.filter((file) => file.startsWith('dbt/') && file.endsWith('.sql'));

await ensure(['npm', ...(sql.length > 0 ? ['lint'] : [])]).catch(fail);
const lint = (tool) => join(root, '.tools', 'lint', 'bin', tool);
const steps = [
  ['biome', ['check', '--staged', '--error-on-warnings', '--no-errors-on-unmatched']],
  ...(files.some((file) => /\.m?ts$/.test(file)) ? [['tsc', []]] : []),
  ...(sql.length > 0 ? [[lint('sqlfmt'), ['--check', '--quiet', ...sql]]] : []),
];
for (const [command, args] of steps) {
  const code = await exec(command, args);
  if (code !== 0) process.exit(code);
}
