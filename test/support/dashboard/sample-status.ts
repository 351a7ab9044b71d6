import type { OperationsStatus } from '../../../dashboard/operations.ts';

/** A status with every part, and with text that a page must not take for markup. */
export const sampleStatus: OperationsStatus = {
  readAt: new Date('2026-01-02T03:04:05Z'),
  topics: [
    { topic: 'tmdb.movie-ids', records: 1_200, consumer: 'tmdb.fetcher', waiting: 34, oldestWaitingSeconds: 90 },
    { topic: 'tmdb.dead-letters', records: 2, consumer: null, waiting: null, oldestWaitingSeconds: null },
  ],
  tokens: { left: 12, capacity: 40, windowSeconds: 10, pausedSeconds: 0, requestsWaiting: 3 },
  layers: [
    { layer: 'gold', changedAt: new Date('2026-01-02T03:00:00Z'), ageSeconds: 245, rowsLoaded: null, batches: 7 },
  ],
  lastFlush: { loadedAt: new Date('2026-01-02T03:03:00Z'), rows: 20, batches: 4, bytes: 104_000 },
  lastDbtRun: {
    command: 'build',
    status: 'failed',
    isFullRefresh: false,
    runSeq: 9,
    startedAt: new Date('2026-01-02T02:59:00Z'),
    finishedAt: new Date('2026-01-02T03:00:00Z'),
    models: 19,
    testsPassed: 101,
    testsWarned: 1,
    failed: 1,
    failures: [{ name: 'unique_<b>_movie', kind: 'test', status: 'fail', failures: 3 }],
  },
  nextBuild: 'partial run',
  lastDayAtSnowflake: null,
  deadLetters: [
    {
      ...{ reason: 'invalid_json', topic: 'tmdb.raw-movies', open: 5, notSimulated: 2 },
      ...{ oldestFailedAt: new Date('2026-01-01T00:00:00Z'), newestFailedAt: new Date('2026-01-02T00:00:00Z') },
      ...{ outcomes: { load: 1, park: 2 }, why: 'it contains <no> JSON' },
    },
  ],
  drift: {
    findings: [
      {
        ...{
          kind: 'new value',
          path: 'status',
          jsonType: 'string',
          text: 'Re<b>issued',
          occurrences: 3,
          isRecent: true,
        },
        ...{ firstSeenAt: new Date('2026-01-01T10:00:00Z'), lastSeenAt: new Date('2026-01-02T00:00:00Z') },
        exampleMovieId: 4711,
      },
    ],
  },
  coverage: {
    ...{ readAt: new Date('2026-01-02T03:00:00Z'), known: 1_240_000, fetched: 1_100_000, gone: 4_000 },
    ...{ expired: 0, neverFetched: 136_000, parked: 12, advice: ['12 movies are <parked>: run "dead-letters list"'] },
    export: { exportedAt: new Date('2026-01-01T00:00:00Z'), share: 0.899_999, missing: 124_000 },
    answerAge: { p50Seconds: 90_000, p99Seconds: 900_000, maxSeconds: 1_000_000 },
  },
  errors: [],
};
