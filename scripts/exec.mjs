/** Runs one of the project's tools: `node scripts/exec.mjs biome check --write .` */
import { ensure, exec, fail } from './setup.mjs';

const [tool, ...args] = process.argv.slice(2);
await ensure(['npm']).catch(fail);
process.exit(await exec(tool, args));
