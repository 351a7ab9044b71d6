import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commands } from '../../../commands/index.ts';
import { parse } from '../../../commands/parse.ts';
import { loadConfig } from '../../../platform/config.ts';
import { systemClock } from '../../../runtime/clock.ts';
import { ExitCode, UsageError } from '../../../runtime/errors.ts';
import { Health } from '../../../runtime/health.ts';
import { createLogger } from '../../../runtime/logger.ts';
import { createMetrics } from '../../../runtime/metrics.ts';
import { noProgress } from '../../../runtime/progress.ts';

/** What the command line does with arguments, in this process. `e2e/cli.test.ts` shows what it makes of the error. */
describe('the arguments of a command', () => {
  let dataDir: string;
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'tmdb-stream-arguments-'));
  });
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

  const run = async (argv: readonly string[]): Promise<number> => {
    const { command, values, positionals } = parse(argv);
    const context = {
      config: loadConfig({ DATA_DIR: dataDir }),
      log: createLogger('silent', []),
      progress: noProgress,
      signal: new AbortController().signal,
      metrics: createMetrics('test'),
      health: new Health(systemClock),
    };
    return command.run(context, values, positionals);
  };

  it.each([
    [['frobnicate'], 'there is no command "frobnicate"'],
    [['run', '--once', '--pages', 'many'], '--pages takes a number from 1 to 500 or "all"'],
    [['run', '--once', '--fast'], '"run --help" shows what it takes'],
    [['run', '--full-refresh'], '--full-refresh goes with --once'],
    [['fetch', '--fast'], '"fetch --help" shows what it takes'],
    [['produce', 'popular', '--every', 'day'], '--every takes a time'],
    [['produce', 'comedies'], 'produce popular'],
    [['transform'], 'load something first'],
    [['replay'], 'replay what?'],
    [['replay', 'ids'], 'which records? --all'],
    [['replay', 'ids', '--all', '--since', '2h'], '--all goes with no other selection'],
    [['dead-letters'], 'list, show ID, redrive or purge'],
    [['dead-letters', 'redrive'], 'redrive which letters? --all, or'],
    [['dead-letters', 'purge', '--all', '--id', '7'], '--all goes with no filter'],
    [['dead-letters', 'purge', '--all', '--dry-run'], '--dry-run does not go with purge'],
    [['dead-letters', 'list', '--reason', 'bored'], '--reason takes one of undecodable_record'],
    [['dead-letters', 'show'], 'takes one ID'],
  ])('%j are refused with exit code 2 and a hint', async (argv, hint) => {
    const error = await run(argv).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UsageError);
    expect(error).toMatchObject({ exitCode: ExitCode.usage, message: expect.stringContaining(hint) });
  });

  it.each(Object.keys(commands))('%s has a help that shows its usage', (name) => {
    const { command, values } = parse([name, '--help']);
    expect(values['help']).toBe(true);
    expect(command.help).toContain(`usage: ${name}`);
  });
});
