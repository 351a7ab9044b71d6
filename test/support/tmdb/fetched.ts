import { runFetcher } from '../../../consumers/fetcher.ts';
import { systemClock } from '../../../runtime/clock.ts';
import { createLogger } from '../../../runtime/logger.ts';
import { movieIdCodec } from '../../../schemas/codecs.ts';
import type { DeadLetter, RawMovie } from '../../../schemas/records.ts';
import { createTmdbClient } from '../../../tmdb/retrying-client.ts';
import { consumerRecord, MemoryRecordSource } from '../kafka/memory-record-source.ts';
import { MemorySink } from '../kafka/memory-sink.ts';

/** A clock without waits for tokens or retries. */
const clock = { ...systemClock, sleep: async () => {} };
const bucket = {
  acquire: async () => ({ returned: () => {} }),
  pause: async () => {},
  state: async () => ({ capacity: 1, windowMs: 1, tokensLeft: 1, waiting: 0, pausedMs: 0 }),
  [Symbol.asyncDispose]: async () => {},
};
const log = createLogger('silent', []);
const notFound = Buffer.from('{"success":false,"status_code":34}');

/** Fetches the movies 1, 2, 3, ... from a TMDb that answers with these bodies. @returns the outcome of each, by movie id. */
export async function fetchAll(answers: readonly Buffer[]) {
  const transport = {
    get: async (path: string) => {
      const body = answers[Number(path.slice('/movie/'.length)) - 1];
      // The client requests other movies as probes, to check whether TMDb answers.
      const status = body ? 200 : 404;
      return { status, contentType: 'application/json', retryAfter: undefined, body: body ?? notFound };
    },
    [Symbol.asyncDispose]: async () => {},
  };
  const [rawMovies, deadLetters] = [new MemorySink<RawMovie>(), new MemorySink<DeadLetter>()];
  const ids = answers.map((_, index) => ({
    movieId: index + 1,
    reason: 'manual' as const,
    page: null,
    rank: null,
    requestedAt: new Date(0),
  }));
  await runFetcher(
    {
      movieIds: new MemoryRecordSource(ids.map((id, offset) => consumerRecord(offset, movieIdCodec.encode(id)))),
      tmdb: createTmdbClient(
        {
          ...{ transport, bucket, log, baseUrl: 'https://api.themoviedb.org/3', concurrency: 20 },
          ...{ giveUpAfterMs: 600_000, windowMs: 10_000 },
        },
        { clock, random: Math.random },
      ),
      ...{ rawMovies, deadLetters, clock, log },
    },
    { signal: new AbortController().signal },
  );
  return {
    published: new Map(rawMovies.values.map(({ movieId, body }) => [movieId, body])),
    parked: new Map(deadLetters.values.map((letter) => [Number(letter.originOffset) + 1, letter])),
  };
}
