import { json } from './common-options.ts';
import { defineCommand } from './engine/command.ts';
import { flag } from './engine/option.ts';

export const coverage = defineCommand({
  name: 'coverage',
  summary: "show how much of TMDb's catalogue is in BRONZE, and how old it is",
  description: [
    'Compares the newest export that "produce export" has read to its end, BRONZE and the dead letters: how many movies are known, ' +
      'fetched, gone from TMDb, expired, parked or not yet fetched, how old the newest answers are, and how many movies in BRONZE are ' +
      'not in the export. It says what to run if something is missing.',
    'It sends no request to TMDb. While it reads, other processes wait for the DuckDB file. "schedule" and "run" compute the report ' +
      'every six hours; "status" and the page Operations of the dashboard show the last one.',
  ],
  examples: [
    ['coverage', 'show the figures'],
    ['coverage --missing --json', 'also list expired and never fetched movies, as JSON'],
  ],
  options: {
    missing: flag(
      'also list movies that are expired or were never fetched, each with the reason: the first 1,000 by ascending id',
    ),
    json,
  },
  writes: ['broker'],
  tools: ['kafka'],
  shape: async () => (await import('../pipeline/coverage-report.ts')).coverageShape,
  load: async () => (await import('./actions/coverage.ts')).showCoverage,
});
