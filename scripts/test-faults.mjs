/**
 * `npm run test:faults`: the fault suite with its full numbers and the soak, set-up included: about three quarters of an
 * hour. `npm test` runs it with smaller ones. Arguments go to vitest (`npm run test:faults -- soak`).
 */
import { canRunJars, ensure, exec, fail } from './setup.mjs';

const full = {
  /** With the tests that take minutes. */
  FAULTS: 'full',
  /** Kills of the loader; of each other stage a quarter as many. */
  FAULT_KILLS: '200',
  /** How long each fault of the network lasts. */
  FAULT_SECONDS: '30',
  SOAK_MINUTES: '10',
  /** Faults between the loader and Snowflake. */
  FAULT_STATEMENTS: '200',
  /** Histories of the loader's model. */
  MODEL_RUNS: '10000',
  /** Lots of documents, 25 at most in each. */
  CONTENTS_RUNS: '100',
};

await ensure(['npm', 'dbt', 'redis', 'snowflake', ...(canRunJars() ? ['kafka'] : [])]).catch(fail);
const chosen = Object.fromEntries(Object.entries(full).filter(([name]) => !process.env[name]));
const args = process.argv.slice(2);
const model = ['run', '--project', 'unit', 'bronze-loader-model'];
const code = args.length > 0 ? 0 : await exec('vitest', model, chosen);
process.exit(code || (await exec('vitest', ['run', '--project', 'faults', '--no-file-parallelism', ...args], chosen)));
