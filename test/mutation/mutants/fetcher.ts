import type { Mutant } from '../mutant.ts';

const details = { files: ['test/unit/consumers/movie-details.test.ts'] };
const client = { files: ['test/unit/lib/tmdb-client.test.ts'] };
const queue = { files: ['test/integration/kafka/record-queue.test.ts'] };
const tmdb = 'lib/tmdb/client.ts';

/** From an id to its answer in the topic: done when it is published, and a token for every request. */
export const fetcherMutants: readonly Mutant[] = [
  {
    name: 'fetcher: an id is done before its answer is published',
    file: 'consumers/movie-details.ts',
    find: 'await ports.rawMovies.publish(',
    replace: 'void ports.rawMovies.publish(',
    tests: details,
  },
  {
    name: 'fetcher: an id is done before it is parked',
    file: 'consumers/movie-details.ts',
    find: 'await publishLetters(',
    replace: 'void publishLetters(',
    tests: details,
  },
  {
    name: 'fetcher: an outage of TMDb parks what waits',
    file: 'consumers/movie-details.ts',
    find: 'return error instanceof UnusableAnswerError ? error.reason : null;',
    replace: "return error instanceof UnusableAnswerError ? error.reason : 'attempts_exhausted';",
    tests: details,
  },
  {
    name: 'fetcher: the position passes records that are in hand',
    file: 'lib/kafka/record-queue.ts',
    find: 'return this.#inHand[0]?.record.offset ?? this.#waiting[0]?.offset ?? this.#position;',
    replace: 'return this.#waiting[0]?.offset ?? this.#position;',
    tests: queue,
  },
  {
    name: 'fetcher: what is done ahead is forgotten',
    file: 'lib/kafka/record-queue.ts',
    find: '[...finished, ...this.#doneBefore].filter((done) => done > offset)',
    replace: '[...this.#doneBefore].filter((done) => done > offset)',
    tests: queue,
  },
  {
    name: 'fetcher: what is in hand is committed as done ahead',
    file: 'lib/kafka/record-queue.ts',
    find: 'this.#inHand.filter(({ isDone }) => isDone)',
    replace: 'this.#inHand',
    tests: queue,
  },
  {
    name: 'fetcher: what was done ahead reads as its neighbour',
    file: 'lib/kafka/commit.ts',
    find: 'offset + BigInt(index * 8 + bit)',
    replace: 'offset + BigInt(index * 8 + bit + 1)',
    tests: queue,
  },
  {
    name: 'fetcher: a retry takes no token',
    file: tmdb,
    find: 'const token = await this.#options.bucket.acquire(signal);',
    replace: `const isFirst = this.#failingSince === undefined;
    const token = isFirst ? await this.#options.bucket.acquire(signal) : { returned: () => {} };`,
    tests: client,
  },
  {
    name: 'fetcher: a token cools from the request on',
    file: tmdb,
    find: 'const answer = await this.#options.transport.get(',
    replace: `token.returned();
      const answer = await this.#options.transport.get(`,
    tests: client,
  },
  {
    name: 'fetcher: a token is kept when the request fails',
    file: tmdb,
    find: `    } finally {
      token.returned();
    }`,
    replace: '    }',
    tests: client,
  },
  {
    name: 'fetcher: 429 pauses nobody',
    file: tmdb,
    find: 'await this.#options.bucket.pause(pauseMs);',
    replace: '',
    tests: client,
  },
  {
    name: 'fetcher: an answer about another movie is taken',
    file: 'lib/tmdb/interpret.ts',
    find: 'if (movie.id === movieId) return movie;',
    replace: 'if (movie.id !== undefined) return movie;',
    tests: client,
  },
];
