import { always, before, remove, swap } from '../change.ts';
import type { Mutant } from '../mutant.ts';

const details = { files: ['test/unit/consumers/fetcher.test.ts'] };
const finishedIds = { files: ['test/unit/consumers/finished-ids.test.ts'] };
const client = { files: ['test/unit/tmdb/retrying-client.test.ts'] };
const tmdbEndpoints = { files: ['test/unit/tmdb/endpoints.test.ts'] };
const statusCodes = { files: ['test/unit/tmdb/status-codes.test.ts'] };
const popular = { files: ['test/unit/producers/popular.test.ts'] };
const queue = { files: ['test/integration/kafka/record-queue.test.ts'] };
const tmdb = 'tmdb/retrying-client.ts';

const ahead = { files: ['test/unit/kafka/work-ahead.test.ts'] };

/** The way from an id to its answer in the topic: an id is done when its answer is published, and every request takes a token. */
export const fetcherMutants: readonly Mutant[] = [
  {
    name: 'fetcher: an id is done before its answer is published',
    file: 'consumers/fetcher.ts',
    place: 'fetcher.publish-first',
    change: swap('await', 'void'),
    tests: details,
  },
  {
    name: 'fetcher: an id is done before it is parked',
    file: 'consumers/fetcher.ts',
    place: 'fetcher.park-first',
    change: swap('await', 'void'),
    tests: details,
  },
  {
    name: 'fetcher: an id without commits counts as answered by an older answer',
    file: 'consumers/finished-ids.ts',
    place: 'fetcher.answered-before',
    change: swap(' && fetchedAt >= id.requestedAt.getTime()', ''),
    tests: finishedIds,
  },
  {
    name: 'fetcher: an id without commits that was parked is requested again',
    file: 'consumers/finished-ids.ts',
    place: 'fetcher.parked-before',
    change: swap('return true', 'return false'),
    tests: finishedIds,
  },
  {
    name: 'fetcher: an outage of TMDb parks the waiting ids',
    file: 'consumers/fetcher.ts',
    place: 'fetcher.outage-parks-nothing',
    change: swap('null', "'attempts_exhausted'"),
    tests: details,
  },
  {
    name: 'fetcher: the position passes records in flight',
    file: 'kafka/record-queue.ts',
    place: 'fetcher.position',
    change: swap(/this\.#inFlight.*? \?\? /, ''),
    tests: queue,
  },
  {
    name: 'fetcher: records that are done out of order are forgotten',
    file: 'kafka/record-queue.ts',
    place: 'fetcher.done-ahead',
    change: swap('...finished, ', ''),
    tests: queue,
  },
  {
    name: 'fetcher: records in flight are committed as done',
    file: 'kafka/record-queue.ts',
    place: 'fetcher.only-finished',
    change: swap('.filter(({ isDone }) => isDone)', ''),
    tests: queue,
  },
  {
    name: 'fetcher: a record that was done out of order is read as its neighbor',
    file: 'kafka/commit.ts',
    place: 'fetcher.done-bit',
    change: swap('+ bit)', '+ bit + 1)'),
    tests: queue,
  },
  {
    name: 'fetcher: a retry takes no token',
    file: tmdb,
    place: 'fetcher.token-for-each-request',
    change: swap(/await (.*);/, 'this.#endpoints.movie.downMs === 0 ? await $1 : { returned: () => {} };'),
    tests: client,
  },
  {
    name: 'fetcher: a token cools from the request instead of the response',
    file: tmdb,
    place: 'fetcher.token-cools-from-answer',
    change: before('token.returned();'),
    tests: client,
  },
  {
    name: 'fetcher: a token is kept when the request fails',
    file: tmdb,
    place: 'fetcher.token-returned',
    change: remove,
    tests: client,
  },
  {
    name: 'fetcher: 429 pauses no process',
    file: tmdb,
    place: 'fetcher.pause',
    change: remove,
    tests: client,
  },
  {
    name: 'fetcher: an answer about another movie is accepted',
    file: 'tmdb/interpret.ts',
    place: 'fetcher.answer-is-of-movie',
    change: swap('=== movieId', '> 0'),
    tests: client,
  },
  {
    name: 'fetcher: the genre list is probed to decide whether details are out',
    file: 'tmdb/endpoint.ts',
    place: 'fetcher.own-probes',
    change: swap(/= .*;/, '= defaultProbes.genres;'),
    tests: tmdbEndpoints,
  },
  {
    name: 'fetcher: all probes request the same path, so one broken path decides',
    file: 'tmdb/endpoint.ts',
    place: 'fetcher.probes-asked',
    change: remove,
    tests: tmdbEndpoints,
  },
  {
    name: 'fetcher: the contents of the answer to a probe decide whether TMDb is up',
    file: tmdb,
    place: 'fetcher.probe-expects-any-answer',
    change: swap('expectAnswer', 'interpretGenreList'),
    tests: tmdbEndpoints,
  },
  {
    name: 'fetcher: a page of HTML counts as a sign that TMDb is up',
    file: 'tmdb/interpret.ts',
    place: 'fetcher.probe-reads-json',
    change: remove,
    tests: tmdbEndpoints,
  },
  {
    name: 'fetcher: a redirect of every movie parks them all',
    file: 'tmdb/interpret.ts',
    place: 'fetcher.redirect-of-all',
    change: swap('>= 300', '>= 400'),
    tests: tmdbEndpoints,
  },
  {
    name: 'fetcher: a service sends every waiting request to a TMDb that refuses it',
    file: tmdb,
    place: 'fetcher.single-probe',
    change: remove,
    tests: tmdbEndpoints,
  },
  {
    name: 'fetcher: an answer to an earlier request ends a refusal',
    file: 'tmdb/refusals.ts',
    place: 'fetcher.refusal-ends',
    change: always,
    tests: tmdbEndpoints,
  },
  {
    name: 'fetcher: a refusal of one endpoint blocks the others forever',
    file: 'tmdb/refusals.ts',
    place: 'fetcher.refusal-of-others',
    change: swap(/\(other === .*?\)/, 'other !== undefined'),
    tests: tmdbEndpoints,
  },
  {
    name: 'fetcher: a refusal during the probes of an outage ends a service',
    file: tmdb,
    place: 'fetcher.refused-probe',
    change: swap(/await .*;/, 'throw error;'),
    tests: tmdbEndpoints,
  },
  {
    name: 'fetcher: an error in the body of a 200 is not detected',
    file: 'tmdb/interpret.ts',
    place: 'fetcher.error-in-200',
    change: swap(/isSuccess .* : /, ''),
    tests: statusCodes,
  },
  {
    name: 'fetcher: a code about one movie counts as refused credentials',
    file: 'tmdb/status-codes.ts',
    place: 'fetcher.code-of-one-movie',
    change: swap(/ && !.*;/, ';'),
    tests: statusCodes,
  },
  {
    name: 'fetcher: undeclared compression has no limit',
    file: 'tmdb/unpack.ts',
    place: 'fetcher.unpack-limit',
    change: swap('maxBytes }', '2 ** 31 }'),
    tests: { files: ['test/unit/tmdb/unpack.test.ts'] },
  },
  {
    name: 'producer: one bad item makes its page fail',
    file: 'tmdb/answers.ts',
    place: 'producer.bad-item',
    change: before("if (movieId === null) throw new TypeError('a bad item');"),
    tests: popular,
  },
  {
    name: 'producer: an impossible total ends the walk',
    file: 'tmdb/answers.ts',
    place: 'producer.possible-total',
    change: swap(/isPossible \? (.*) : null/, '$1'),
    tests: popular,
  },
  {
    name: 'producer: an unusable page is not counted',
    file: 'producers/popular.ts',
    place: 'producer.failed-pages',
    change: remove,
    tests: popular,
  },
  {
    name: 'producer: an outage of a list ends the service',
    file: 'runtime/repeat.ts',
    place: 'producer.outage-of-list',
    change: swap('isOutage(error)', 'isOutage(error) && failures < 1'),
    tests: { files: ['test/unit/runtime/repeat.test.ts'] },
  },
  {
    name: 'fetcher: it begins more records although a commit failed',
    file: 'kafka/work-ahead.ts',
    place: 'fetcher.commit-failed',
    change: remove,
    tests: ahead,
  },
  {
    name: 'fetcher: it begins more records without a limit of uncommitted ones',
    file: 'kafka/work-ahead.ts',
    place: 'fetcher.records-ahead',
    change: swap(/this\.records .*? && /, ''),
    tests: ahead,
  },
];
