/** `npm run bench -- NAME [options]`: runs `bench/NAME.ts`; without a name, lists the benchmarks. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ensure, exec, fail, node, root } from './setup.mjs';

const [name = '', ...args] = process.argv.slice(2);
const file = join(root, 'bench', `${name}.ts`);
if (!/^[\w-]+$/.test(name) || !existsSync(file)) {
  const names = readdirSync(join(root, 'bench')).filter((entry) => entry.endsWith('.ts'));
  process.stderr.write(
    `usage: npm run bench -- NAME, with NAME one of: ${names.map((entry) => entry.slice(0, -3)).join(', ')}\n`,
  );
  process.exit(2);
}
const peers = name === 'peers' ? ['peers'] : [];
await ensure(['npm', 'dbt', 'kafka', 'redis', 'snowflake', ...peers]).catch(fail);
process.exit(await exec(node(), [file, ...args]));
