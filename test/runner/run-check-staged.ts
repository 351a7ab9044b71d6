import { spawnSync } from 'node:child_process';
import { exec, lintTool, root } from './exec.ts';

/** `npm run check:staged`. Exits with the code of the first tool that fails. */
const staged = spawnSync('git', ['diff', '--cached', '--name-only', '--diff-filter=d', '-z'], { cwd: root });
const files = staged.stdout.toString().split('\0').filter(Boolean);
const sql = files.filter((file) => file.startsWith('dbt/') && file.endsWith('.sql'));

const steps: readonly (readonly [command: string, args: readonly string[]])[] = [
  ['biome', ['check', '--staged', '--error-on-warnings', '--no-errors-on-unmatched']],
  ...(files.some((file) => /\.m?ts$/.test(file)) ? [['tsc', []] as const] : []),
  ...(sql.length > 0 ? [[lintTool('sqlfmt'), ['--check', '--quiet', ...sql]] as const] : []),
];
for (const [command, args] of steps) {
  const { code } = await exec(command, args);
  if (code === 0) continue;
  process.exitCode = code;
  break;
}
