/** `npm run dbt -- ARGUMENTS`, for example `npm run dbt -- build --select +silver_movies+`: dbt on the warehouse of `.env`. */
import { ensure, exec, fail, node } from './setup.mjs';

await ensure(['npm', 'dbt']).catch(fail);
process.exit(await exec(node(), ['transform/by-hand.ts', ...process.argv.slice(2)]));
