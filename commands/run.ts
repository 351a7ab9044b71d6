import { ExitCode, UsageError } from '../lib/errors.ts';
import { formatReport } from '../pipeline/report.ts';
import { runOnce } from '../pipeline/run-once.ts';
import { type Command, jsonOption, pagesOf, print } from './command.ts';

/** 12 pages are 240 movies: about a minute at 40 requests in 10 s. */
const standardPages = 12;

export const run: Command = {
  summary: 'all stages: walk, fetch, load, transform (--once: until all of it is in GOLD)',
  help: `usage: run --once [--pages N|all] [--full-refresh] [--json]

Walks the popular list, fetches what is not fresh, loads BRONZE, builds and tests SILVER and GOLD, and prints what it did.

  --once          end when everything published is in GOLD
  --pages N|all   pages of the popular list, 20 movies each (standard ${standardPages}, at most 500)
  --full-refresh  build SILVER and GOLD anew from all of BRONZE
  --json          the report as JSON on standard output`,
  options: {
    once: { type: 'boolean' },
    pages: { type: 'string' },
    'full-refresh': { type: 'boolean' },
    ...jsonOption,
  },
  logLevel: 'warn',
  run: async (context, values) => {
    if (!values['once']) throw new UsageError('run needs --once: it ends when everything published is in GOLD');
    const pages = pagesOf(values, standardPages);
    const report = await runOnce(context, { pages, fullRefresh: values['full-refresh'] === true });
    context.progress[Symbol.dispose]();
    print(values, report, () => formatReport(report));
    return ExitCode.done;
  },
};
