import { always, remove, swap } from '../change.ts';
import type { Mutant } from '../mutant.ts';

const changes = { files: ['test/unit/producers/changes.test.ts'] };
const exported = { files: ['test/unit/producers/export.test.ts'] };
const aged = { files: ['test/unit/producers/aged.test.ts'] };
const coverage = { files: ['test/unit/pipeline/coverage-report.test.ts'] };

/** The ways from TMDb's lists to the topics of ids: every movie is found, asked for in time, and not asked for in vain. */
export const discoveryMutants: readonly Mutant[] = [
  {
    name: 'discovery: a day is read before it is complete',
    file: 'producers/changes.ts',
    place: 'discovery.day-settled',
    change: swap('now - settleMs', 'now'),
    tests: changes,
  },
  {
    name: 'discovery: after an absence, only the newest day is read',
    file: 'producers/changes.ts',
    place: 'discovery.each-day',
    change: swap('startOfDay(lastDay) + dayMs', 'Math.max(newest, startOfDay(lastDay) + dayMs)'),
    tests: changes,
  },
  {
    name: 'discovery: the last day is read again',
    file: 'producers/changes.ts',
    place: 'discovery.each-day',
    change: swap('startOfDay(lastDay) + dayMs', 'startOfDay(lastDay)'),
    tests: changes,
  },
  {
    name: 'discovery: a movie that was requested at the end of the day is requested again',
    file: 'producers/changes.ts',
    place: 'discovery.change-asked',
    change: swap('< dayEnd', '<= dayEnd'),
    tests: changes,
  },
  {
    name: 'discovery: a movie that changed on several days is published for each',
    file: 'producers/changes.ts',
    place: 'discovery.change-asked',
    change: swap('!published.has(movieId) && ', ''),
    tests: changes,
  },
  {
    name: 'discovery: a day ends with its first page',
    file: 'producers/changes.ts',
    place: 'discovery.until-empty',
    change: always,
    tests: changes,
  },
  {
    name: 'discovery: a day is not recorded',
    file: 'producers/changes.ts',
    place: 'discovery.day-recorded',
    change: remove,
    tests: changes,
  },
  {
    name: 'discovery: lines of the export that an earlier run has read are published again',
    file: 'producers/export.ts',
    place: 'discovery.export-continues',
    change: remove,
    tests: exported,
  },
  {
    name: 'discovery: the progress of the export passes ids that were not published',
    file: 'producers/export.ts',
    place: 'discovery.export-published',
    change: remove,
    tests: exported,
  },
  {
    name: 'discovery: known movies of the export are published',
    file: 'producers/export.ts',
    place: 'discovery.export-unknown',
    change: swap(/\.filter\(.*?undefined\)/, ''),
    tests: exported,
  },
  {
    name: 'discovery: the recorded export lacks its ids',
    file: 'producers/export.ts',
    place: 'discovery.export-set',
    change: remove,
    tests: exported,
  },
  {
    name: 'discovery: an older export replaces the newest one',
    file: 'producers/exported-movies.ts',
    place: 'discovery.newest-export',
    change: remove,
    tests: { files: ['test/unit/producers/exported-movies.test.ts'] },
  },
  {
    name: 'discovery: all movies are due at the same age',
    file: 'producers/aged.ts',
    place: 'discovery.aged',
    change: swap('dueAfterMs(movieId, reaskAfterMs)', 'reaskAfterMs'),
    tests: aged,
  },
  {
    name: 'discovery: movies are due after the limit',
    file: 'producers/aged.ts',
    place: 'discovery.aged',
    change: swap('dueAfterMs(movieId, reaskAfterMs)', '2 * dueAfterMs(movieId, reaskAfterMs)'),
    tests: aged,
  },
  {
    name: 'discovery: the newest movies are requested again, not the oldest',
    file: 'producers/aged.ts',
    place: 'discovery.aged',
    change: swap('a - b', 'b - a'),
    tests: aged,
  },
  {
    name: 'discovery: a progress of the future stops a producer',
    file: 'producers/producer-state.ts',
    place: 'discovery.progress-of-future',
    change: swap('startOfDay(day) <= now && ', ''),
    tests: changes,
  },
  {
    name: 'discovery: a producer goes back to an older progress',
    file: 'producers/producer-state.ts',
    place: 'discovery.furthest-progress',
    change: swap('a.day > b.day', 'a.day < b.day'),
    tests: changes,
  },
  {
    name: 'discovery: an older time of a movie replaces a newer one',
    file: 'producers/movie-times.ts',
    place: 'discovery.newest-time',
    change: swap('Math.max(time, this.#times[slot] ?? 0)', 'time'),
    tests: { files: ['test/unit/producers/known-movies.test.ts'] },
  },
  {
    name: 'discovery: a popular movie waits in the backfill',
    file: 'pipeline/discovery.ts',
    place: 'discovery.waits-in-backfill',
    change: swap('[cluster.topics.movieIds]', 'idTopics(cluster.topics)'),
    tests: {
      files: ['test/integration/discovery.test.ts'],
      only: 'popular and changed movies that wait in the backfill are requested at once',
    },
  },
  {
    name: 'discovery: the backfill starves while other ids wait',
    file: 'consumers/request-slots.ts',
    place: 'discovery.backfill-share',
    change: swap(/= this\.#passedOver .*;/, '= false;'),
    tests: { files: ['test/unit/consumers/request-slots.test.ts'], timeoutMs: 5_000 },
  },
  {
    name: 'discovery: each movie that is in no export is asked for after each export',
    file: 'producers/export.ts',
    place: 'discovery.absent',
    change: swap('!movies.has(movieId) && (known.get(movieId) ?? 0) < since', '!movies.has(movieId)'),
    tests: { files: ['test/unit/producers/export.test.ts'] },
  },
  {
    name: 'discovery: the backfill is fetched before other ids',
    file: 'consumers/request-slots.ts',
    place: 'discovery.backfill-share',
    change: swap(/= this\.#passedOver .*;/, '= true;'),
    tests: { files: ['test/unit/consumers/request-slots.test.ts'], timeoutMs: 5_000 },
  },
  {
    name: 'discovery: an answered movie counts as missing',
    file: 'pipeline/coverage-report.ts',
    place: 'discovery.missing',
    change: swap('if (!answered.has(movieId)) ', ''),
    tests: coverage,
  },
  {
    name: 'discovery: a movie that TMDb no longer has counts as fetched',
    file: 'pipeline/coverage-report.ts',
    place: 'discovery.gone-counted',
    change: remove,
    tests: coverage,
  },
  {
    name: 'discovery: a movie that came back counts as gone',
    file: 'warehouse/newest-answers.ts',
    place: 'discovery.newest-is-gone',
    change: swap('end) = max(fetched_at) then', 'end) is not null then'),
    tests: { files: ['test/contract/duckdb-reader.test.ts'] },
  },
];
