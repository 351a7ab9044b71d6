// cspell:ignore pgaes rplay
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ExitCode, UsageError } from '../../../runtime/errors.ts';
import { invocationOf } from '../../support/commands/command-line.ts';
import { checkOutput } from '../../support/commands/outputs.ts';
import { testContext } from '../../support/context.ts';

it('walks the same number of pages by default, in every command that walks the popular list', () => {
  const walks = [['run'], ['run', '--once'], ['produce', 'popular']].map((argv) => invocationOf(argv).options['pages']);
  expect(walks).toEqual([12, 12, 12]);
});

/** How the command line parses arguments, in this process. `e2e/cli.test.ts` tests how it reports the error. */
describe('the arguments of a command', () => {
  let dataDir: string;
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'tmdb-stream-arguments-'));
  });
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

  const run = async (argv: readonly string[], signal = new AbortController().signal): Promise<number> =>
    invocationOf(argv).run(testContext({ DATA_DIR: dataDir }, { signal }));

  it.each([
    [['frobnicate'], "unknown command 'frobnicate'"],
    [['run', '--once', '--pages', 'many'], '--pages takes a number from 1 to 500 or "all"'],
    [['run', '--once', '--fast'], "unknown option '--fast'. See: tmdb-stream run --help"],
    [['run', '--full-refresh'], '--full-refresh needs --once'],
    [['fetch', '--fast'], "unknown option '--fast'. See: tmdb-stream fetch --help"],
    [['run', '--popular-every', '6'], '--popular-every takes a time from 1s on, such as 15m or 6h'],
    [['run', '--pages', '-5'], '--pages takes a number from 1 to 500'],
    [['run', '--pages', '1.5'], '--pages takes a number from 1 to 500'],
    [['run', '--pages', '2', '--pages', '3'], '--pages is given twice'],
    [['run', '--once', '--once'], '--once is given twice'],
    [['run', '--pages'], '--pages takes a number from 1 to 500 or "all", but nothing follows it'],
    [['run', '--pgaes', '3'], 'Did you mean --pages?'],
    [['rplay'], 'Did you mean replay?'],
    [['status', 'now'], 'status takes only options, not an argument'],
    [
      ['load', '--accept-gap', 'xyz'],
      '--accept-gap takes a gap as in the error message, such as tmdb.raw-movies/0/100-199',
    ],
    [['sandbox', '--port', '99999'], '--port takes a whole number from 0 to 65535'],
    [['sandbox', '--faults', 'loud'], '--faults takes faults as a JSON list, such as [{"kind":'],
    [['sandbox', '--faults', '[{"kind":"loud"}]'], '--faults: the faults have 1 mistake(s): 0.kind: expected a fault'],
    [['replay', 'raw', '--movie', '7', '--rebuild'], '--rebuild rebuilds all of BRONZE'],
    [['produce', 'popular', '--every', 'day'], '--every takes a time'],
    [['produce', 'comedies'], "unknown command 'comedies'"],
    [['transform'], 'load something first'],
    [['replay'], 'replay needs a subcommand: raw, ids'],
    [['replay', 'ids'], 'no records selected: give --all'],
    [['replay', 'ids', '--all', '--since', '2h'], '--all cannot be combined with another selection'],
    [['ids'], 'ids needs a subcommand: discard'],
    [['ids', 'discard'], 'no ids selected: give --all or --before TIME'],
    [['ids', 'discard', '--yes'], 'no ids selected'],
    [['ids', 'discard', '--all', '--before', '2h'], '--all cannot be combined with --before'],
    [['ids', 'discard', '--all', '--dry-run', '--yes'], '--dry-run changes nothing, --yes drops the ids'],
    [['ids', 'discard', '--before', 'noon'], '--before takes a time such as'],
    [['dead-letters'], 'needs a subcommand: list, show, redrive, purge'],
    [['dead-letters', 'redrive'], 'no letters selected: give --all, or'],
    [['dead-letters', 'purge', '--all', '--id', '7'], '--all cannot be combined with filters'],
    [['dead-letters', 'purge', '--all', '--dry-run'], "unknown option '--dry-run'"],
    [['dead-letters', 'list', '--reason', 'bored'], '--reason takes one of undecodable_record'],
    [['dead-letters', 'show'], 'needs the TOPIC/PARTITION/OFFSET'],
  ])('%j are refused with exit code 2 and a hint', async (argv, hint) => {
    const error = await run(argv).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UsageError);
    expect(error).toMatchObject({ exitCode: ExitCode.usage, message: expect.stringContaining(hint) });
  });

  it.each([
    ['warehouse provision', '--print'],
    ['sandbox', '--port 0'],
  ])('%s prints JSON of its shape', async (words, options) => {
    const argv = `${words} ${options} --json`.split(' ');
    const ending = new AbortController();
    const write = vi.spyOn(process.stdout, 'write').mockImplementation(() => {
      ending.abort();
      return true;
    });
    try {
      expect(await run(argv, ending.signal)).toBe(ExitCode.done);
      const printed = write.mock.calls.map(([text]) => String(text)).join('');
      expect(printed).not.toBe('');
      await checkOutput(argv, printed);
    } finally {
      write.mockRestore();
    }
  });
});
