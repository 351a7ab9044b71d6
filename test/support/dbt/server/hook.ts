/**
 * `node --import hook.ts cli.ts ...`: the process starts dbt in the environment of TEST_DBT_ENVIRONMENT, whose server forks,
 * not in its own. Only the path differs; dbt does the same.
 */
import childProcess from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';

const environment = process.env['TEST_DBT_ENVIRONMENT'] ?? '';
const ownPython = join('.tools', 'dbt', 'bin', 'python');
const { spawn } = childProcess;

childProcess.spawn = ((command: string, ...rest: unknown[]) =>
  Reflect.apply(spawn, childProcess, [
    command.endsWith(ownPython) ? join(environment, 'bin', 'python') : command,
    ...rest,
  ])) as typeof spawn;
syncBuiltinESMExports();
