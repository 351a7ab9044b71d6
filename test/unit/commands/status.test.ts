import { describe, expect, it } from 'vitest';
import { textOf } from '../../../commands/actions/status.ts';
import type { Status } from '../../../pipeline/status.ts';

const at = new Date('2026-05-01T12:00:00Z');

const status: Status = {
  readAt: at,
  topics: [
    { topic: 'tmdb.movie-ids', records: 20, consumer: 'movie-details', waiting: 3, oldestWaitingSeconds: 61 },
    { topic: 'tmdb.dead-letters', records: 1, consumer: null, waiting: null, oldestWaitingSeconds: null },
  ],
  tokens: null,
  layers: [{ layer: 'bronze', changedAt: at, ageSeconds: 90, rowsLoaded: 17, batches: 2 }],
  lastFlush: { loadedAt: at, rows: 17, batches: 2, bytes: 85_000 },
  lastDbtRun: {
    ...{ command: 'build', status: 'failed', isFullRefresh: false, runSeq: 4, startedAt: at, finishedAt: at },
    ...{ models: 13, testsPassed: 40, testsWarned: 0, failed: 1 },
    failures: [{ name: 'unique_movie', kind: 'test', status: 'fail', failures: 2 }],
  },
  nextBuild: 'partial run',
  fullRefresh: null,
  lastDayAtSnowflake: null,
  coverage: null,
  errors: [],
};

describe('the status as text', () => {
  it('has a table for each part, and none for a part that this setup does not have', () => {
    expect(textOf(status)).toBe(`topics
topic              records  consumer       waiting  oldest_waiting_seconds
-----------------  -------  -------------  -------  ----------------------
tmdb.movie-ids          20  movie-details        3                      61
tmdb.dead-letters        1  -                    -                       -

layers
layer   changed_at                age         rows_loaded  batches
------  ------------------------  ----------  -----------  -------
bronze  2026-05-01T12:00:00.000Z  1 min 30 s           17        2

last flush
loaded_at                 rows  batches   bytes
------------------------  ----  -------  ------
2026-05-01T12:00:00.000Z    17        2  85,000

last dbt run
command  status  is_full_refresh  run_seq  started_at                finished_at               models  tests_passed  tests_warned  failed
-------  ------  ---------------  -------  ------------------------  ------------------------  ------  ------------  ------------  ------
build    failed  false                  4  2026-05-01T12:00:00.000Z  2026-05-01T12:00:00.000Z      13            40             0       1

next dbt run
reason
-----------
partial run

failed in the last dbt run
name          kind  status  failures
------------  ----  ------  --------
unique_movie  test  fail           2`);
  });

  it('shows in the place of a part why it cannot be read', () => {
    const unread = { layers: null, lastFlush: null, lastDbtRun: null };
    const errors = [{ part: 'warehouse' as const, message: 'it is open in another program' }];
    const text = textOf({ ...status, ...unread, errors });
    for (const title of ['layers', 'last flush', 'last dbt run']) {
      expect(text).toContain(`${title}\nerror\n-----------------------------\nit is open in another program`);
    }
    expect(text).toContain('tmdb.movie-ids');
    const tokens = [{ part: 'tokens' as const, message: 'no answer' }];
    expect(textOf({ ...status, errors: tokens })).toContain('tokens\nerror\n---------\nno answer');
  });

  it('[R188] shows the topics, and below them why some values are unknown', () => {
    const errors = [{ part: 'topics' as const, message: 'BRONZE continues elsewhere' }];
    const text = textOf({ ...status, errors });
    expect(text).toMatch(
      /^topics\n.*\n.*\ntmdb\.movie-ids .*\ntmdb\.dead-letters .*\nerror\n-+\nBRONZE continues elsewhere\n/,
    );
  });

  it('shows the last coverage report with its age', () => {
    const coverage = {
      ...{ readAt: at, ageSeconds: 5_400, known: 10, fetched: 6, gone: 1, expired: 0, neverFetched: 3, parked: 1 },
      export: { exportedAt: at, movies: 10, answered: 7, missing: 3, share: 0.7, beyond: 0 },
      ...{ answerAge: null, advice: [] },
    };
    expect(textOf({ ...status, coverage })).toContain(`last coverage report
read_at                   age         known  fetched  gone  expired  never_fetched  parked  coverage
------------------------  ----------  -----  -------  ----  -------  -------------  ------  --------
2026-05-01T12:00:00.000Z  1 h 30 min     10        6     1        0              3       1  70.00 %`);
    const errors = [{ part: 'coverage' as const, message: 'it is not a report' }];
    expect(textOf({ ...status, errors })).toContain(
      'last coverage report\nerror\n------------------\nit is not a report',
    );
  });

  it('says that a part has nothing yet', () => {
    expect(textOf({ ...status, lastFlush: null, lastDbtRun: null })).toContain('last dbt run\nnothing yet');
  });
});
