import { UsageError } from '../runtime/errors.ts';
import { serviceNames } from '../runtime/service-names.ts';
import { json, pagesOption } from './common-options.ts';
import { defineCommand } from './engine/command.ts';
import { defaulted, flag, single } from './engine/option.ts';
import { interval } from './engine/value-types.ts';

export const run = defineCommand({
  name: 'run',
  summary: 'run all stages in one process',
  description: [
    'Walks the popular list, fetches the movies that are not fresh, loads BRONZE, and builds and tests SILVER and GOLD. ' +
      'With --once, it prints a report and ends. Without --once, it runs until you stop it: it repeats the walks, and runs ' +
      'dbt on TRANSFORM_SCHEDULE.',
    'If a list cannot be used, the other stages still run.',
  ],
  examples: [
    ['run --once', 'fetch 240 movies and build GOLD'],
    ['run --once --pages 50', 'fetch 1,000 movies'],
    ['run --popular-every 6h', 'run as a service'],
  ],
  options: {
    once: flag('end when everything that was published is in GOLD'),
    pages: pagesOption,
    fullRefresh: flag('build SILVER and GOLD from scratch, from all of BRONZE; only with --once'),
    popularEvery: defaulted(interval, '6h', 'how often the popular list is walked'),
    changesEvery: single(interval, 'how often the lists of changes are walked; without it, never'),
    exportEvery: single(interval, 'how often the daily export of all ids is read; without it, never'),
    genresEvery: defaulted(interval, '24h', 'how often the genre list is fetched'),
    json,
  },
  writes: ['broker', 'work files', 'warehouse'],
  tools: ['dbt', 'kafka'],
  check: ({ fullRefresh, once }) => {
    if (fullRefresh && !once) throw new UsageError('--full-refresh needs --once; or use transform --full-refresh');
  },
  service: serviceNames.allInOne,
  isService: ({ once }) => !once,
  exits: {
    1: 'no page of the popular list can be used, or, without --once, the last dbt run failed',
    5: 'some pages or the genre list cannot be used, or models or tests of dbt failed',
  },
  shape: async () => (await import('../pipeline/report.ts')).runReportShape,
  load: async () => (await import('./actions/run.ts')).run,
});
