import { formatReport } from '../pipeline/report.ts';
import { runOnce } from '../pipeline/run-once.ts';
import { services } from '../pipeline/services.ts';
import { ExitCode, UsageError } from '../runtime/errors.ts';
import { throwIfNoCopy } from '../transform/transform.ts';
import { type Command, intervalOf, jsonOption, pagesOf, print } from './command.ts';

/** 12 pages are 240 movies: about a minute at 40 requests in 10 s. */
const standardPages = 12;
const hourMs = 3_600_000;

export const run: Command = {
  summary: 'all stages in one process: walk, fetch, load, transform (--once: until all of it is in GOLD)',
  help: `usage: run --once [--pages N|all] [--full-refresh] [--json]
       run [--pages N|all] [--popular-every TIME] [--genres-every TIME]

Walks the popular list, fetches movies that are not fresh, loads BRONZE, builds and tests SILVER and GOLD. With --once it
prints a report and ends. Without --once it runs until it is stopped: it repeats the walks, and runs dbt on
TRANSFORM_SCHEDULE. The exit code is 1 if the last dbt run failed, or, with --once, if no page of the popular list could be
used or the list was out; the other stages still run.

  --once                end when everything published is in GOLD
  --pages N|all         pages of the popular list, 20 movies each (standard ${standardPages}, at most 500)
  --full-refresh        build SILVER and GOLD from scratch, from all of BRONZE
  --popular-every TIME  how often the popular list is walked (standard 6h)
  --genres-every TIME   how often the genre list is fetched (standard 24h)
  --json                the report as JSON on standard output`,
  options: {
    once: { type: 'boolean' },
    'popular-every': { type: 'string' },
    'genres-every': { type: 'string' },
    pages: { type: 'string' },
    'full-refresh': { type: 'boolean' },
    ...jsonOption,
  },
  writes: ['broker', 'work files', 'warehouse'],
  isService: (values) => !values['once'],
  run: async (context, values) => {
    const pages = pagesOf(values, standardPages);
    if (!values['once']) {
      if (values['full-refresh'])
        throw new UsageError('--full-refresh goes with --once; or use transform --full-refresh');
      const [popularEveryMs = 6 * hourMs, genresEveryMs = 24 * hourMs] = ['popular-every', 'genres-every'].map((name) =>
        intervalOf(values, name),
      );
      const isGood = await services.all(context, { pages, popularEveryMs, genresEveryMs });
      return isGood ? ExitCode.done : ExitCode.failed;
    }
    const report = await runOnce(context, { pages, fullRefresh: values['full-refresh'] === true });
    context.progress[Symbol.dispose]();
    print(values, report, () => formatReport(report));
    throwIfNoCopy(context);
    return report.walk.pagesRead > 0 ? ExitCode.done : ExitCode.failed;
  },
};
