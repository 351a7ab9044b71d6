import type { Mutant } from '../mutant.ts';

const details = { files: ['test/unit/consumers/movie-details.test.ts'] };
const client = { files: ['test/unit/tmdb/client.test.ts'] };
const tmdbEndpoints = { files: ['test/unit/tmdb/endpoints.test.ts'] };
const statusCodes = { files: ['test/unit/tmdb/status-codes.test.ts'] };
const popular = { files: ['test/unit/producers/popular.test.ts'] };
const queue = { files: ['test/integration/kafka/record-queue.test.ts'] };
const tmdb = 'tmdb/client.ts';

const ahead = { files: ['test/unit/kafka/work-ahead.test.ts'] };

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
    file: 'kafka/record-queue.ts',
    find: 'return this.#inFlight[0]?.record.offset ?? this.#waiting[0]?.offset ?? this.#position;',
    replace: 'return this.#waiting[0]?.offset ?? this.#position;',
    tests: queue,
  },
  {
    name: 'fetcher: what is done ahead is forgotten',
    file: 'kafka/record-queue.ts',
    find: '[...finished, ...this.#doneBefore].filter((done) => done > offset)',
    replace: '[...this.#doneBefore].filter((done) => done > offset)',
    tests: queue,
  },
  {
    name: 'fetcher: what is in hand is committed as done ahead',
    file: 'kafka/record-queue.ts',
    find: 'this.#inFlight.filter(({ isDone }) => isDone)',
    replace: 'this.#inFlight',
    tests: queue,
  },
  {
    name: 'fetcher: what was done ahead reads as its neighbour',
    file: 'kafka/commit.ts',
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
    name: 'fetcher: 429 pauses no process',
    file: tmdb,
    find: 'await this.#options.bucket.pause(pauseMs);',
    replace: '',
    tests: client,
  },
  {
    name: 'fetcher: an answer about another movie is taken',
    file: 'tmdb/interpret.ts',
    find: 'if (parsed.data.id === movieId) return parsed.data;',
    replace: 'if (parsed.data.id > 0) return parsed.data;',
    tests: client,
  },
  {
    name: 'fetcher: whether details are out is asked of the genre list',
    file: 'tmdb/endpoint.ts',
    find: 'const known = [...this.#answered, ...defaultProbes[this.#name]].filter((other) => other !== path);',
    replace: 'const known = defaultProbes.genres;',
    tests: tmdbEndpoints,
  },
  {
    name: 'fetcher: one probe that breaks decides alone',
    file: 'tmdb/endpoint.ts',
    find: 'this.#asked += 1;',
    replace: '',
    tests: tmdbEndpoints,
  },
  {
    name: 'fetcher: what the answer to a probe holds decides whether TMDb is up',
    file: tmdb,
    find: 'interpret: expectAnswer }, signal);',
    replace: 'interpret: interpretGenreList }, signal);',
    tests: tmdbEndpoints,
  },
  {
    name: 'fetcher: a page of HTML says that TMDb is up',
    file: 'tmdb/interpret.ts',
    find: `  expectNoFailure(reading);
  reading.json();`,
    replace: '  expectNoFailure(reading);',
    tests: tmdbEndpoints,
  },
  {
    name: 'fetcher: a redirect of every movie parks them all',
    file: 'tmdb/interpret.ts',
    find: 'code === null && status >= 300 && status !== 404 && status !== 410',
    replace: 'code === null && status >= 400 && status !== 404 && status !== 410',
    tests: tmdbEndpoints,
  },
  {
    name: 'fetcher: a service sends every waiting request to a TMDb that refuses it',
    file: tmdb,
    find: `    // The next probe is a single request.
    this.#queue.concurrency = 1;`,
    replace: '',
    tests: tmdbEndpoints,
  },
  {
    name: 'fetcher: an answer that was under way ends a refusal',
    file: 'tmdb/refusals.ts',
    find: 'if (!this.isBlocked(endpoint)) this.#refusals.delete(endpoint);',
    replace: 'this.#refusals.delete(endpoint);',
    tests: tmdbEndpoints,
  },
  {
    name: 'fetcher: a refusal of one endpoint holds the others back for good',
    file: 'tmdb/refusals.ts',
    find: '(other === endpoint || answeredAt <= since)',
    replace: 'other !== undefined',
    tests: tmdbEndpoints,
  },
  {
    name: 'fetcher: a refusal ends a service when it comes while an outage is looked into',
    file: tmdb,
    find: 'if (isRefused(error)) await this.#waitOutRefusal(error, endpoint, signal);',
    replace: 'if (isRefused(error)) throw error;',
    tests: tmdbEndpoints,
  },
  {
    name: 'fetcher: an error in the body of a 200 is not seen',
    file: 'tmdb/interpret.ts',
    find: 'status: isSuccess && reported ? reported.status : answer.status,',
    replace: 'status: answer.status,',
    tests: statusCodes,
  },
  {
    name: 'fetcher: a code about one movie refuses the credentials',
    file: 'tmdb/status-codes.ts',
    find: '(status === 401 || status === 403) && !codesOfOneResource.has(code)',
    replace: 'status === 401 || status === 403',
    tests: statusCodes,
  },
  {
    name: 'fetcher: what unpacks without saying so has no cap',
    file: 'tmdb/unpack.ts',
    find: 'maxOutputLength: maxBytes }).catch(',
    replace: 'maxOutputLength: 2 ** 31 }).catch(',
    tests: { files: ['test/unit/tmdb/unpack.test.ts'] },
  },
  {
    name: 'producer: one bad item costs its page',
    file: 'tmdb/answers.ts',
    find: 'return movieId === null ? [] : [{ movieId, rank: index + 1 }];',
    replace: `if (movieId === null) throw new TypeError('a bad item');
    return [{ movieId, rank: index + 1 }];`,
    tests: popular,
  },
  {
    name: 'producer: a total that cannot be true ends the walk',
    file: 'tmdb/answers.ts',
    find: 'totalPages: isPossible ? Number(total) : null',
    replace: 'totalPages: Number(total)',
    tests: popular,
  },
  {
    name: 'producer: an unusable page is not counted',
    file: 'producers/popular.ts',
    find: 'walk.pagesFailed += 1;',
    replace: '',
    tests: popular,
  },
  {
    name: 'producer: an outage of a list ends the service',
    file: 'runtime/repeat.ts',
    find: 'if (!(error instanceof Error && isOutage(error))) throw error;',
    replace: 'if (!(error instanceof Error && isOutage(error) && failures < 1)) throw error;',
    tests: { files: ['test/unit/runtime/repeat.test.ts'] },
  },
  {
    name: 'fetcher: it begins more although a commit failed',
    file: 'kafka/work-ahead.ts',
    find: 'this.#failure = messageOf(error);',
    replace: '',
    tests: ahead,
  },
  {
    name: 'fetcher: it begins more however much is not committed',
    file: 'kafka/work-ahead.ts',
    find: 'this.records < this.#limits.records && ',
    replace: '',
    tests: ahead,
  },
];
