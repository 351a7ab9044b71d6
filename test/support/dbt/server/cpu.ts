import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * CPU seconds of the scripts that the dbt server has run so far for a process or its descendants. They are children of the
 * server, so the process's own CPU time does not contain them. 0 without a server.
 * @param environment the folder of the server.
 */
export function dbtCpuSeconds(pid: number, environment = process.env['TEST_DBT_ENVIRONMENT']): number {
  const path = join(environment ?? '', 'bin', 'cpu');
  if (environment === undefined || !existsSync(path)) return 0;
  return readFileSync(path, 'utf8')
    .split('\n')
    .map((line) => line.split(' ').map(Number))
    .reduce((sum, [seconds = 0, ...pids]) => sum + (pids.includes(pid) ? seconds : 0), 0);
}
