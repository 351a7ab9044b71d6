import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';

/** The lines that `code` writes with a logger of the service `all-in-one`. */
function linesOf(code: string): unknown[] {
  const logger = pathToFileURL(join(import.meta.dirname, '../../../runtime/logger.ts')).href;
  const script = `import { createLogger } from '${logger}';
    const log = createLogger('info', [], { service: 'all-in-one', version: '1.2.3' });
    ${code}`;
  const { stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' });
  return stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

it('has the service and the version in each line, in those of a part of the process the name of the part', () => {
  const lines = linesOf(`
    log.info({ url: 'x' }, 'started');
    const part = log.child({ service: 'fetcher' });
    part.child({ endpoint: 'movie' }).warn('paused');
    log.child({ endpoint: 'genres' }).error('failed');`);
  expect(lines).toMatchObject([
    { service: 'all-in-one', version: '1.2.3', msg: 'started', url: 'x' },
    { service: 'fetcher', version: '1.2.3', msg: 'paused', endpoint: 'movie' },
    { service: 'all-in-one', version: '1.2.3', msg: 'failed', endpoint: 'genres' },
  ]);
});
