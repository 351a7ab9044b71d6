import type { z } from 'zod';
import { objectOf, type SettingsGroup, setting } from '../runtime/setting.ts';
import { bytes, duration, flag, headerSecret, httpUrl, integer, listOf, parsedBy } from '../runtime/setting-kinds.ts';
import { parseRate } from '../runtime/units.ts';
import { inOrder, knownParts, parsePart } from './appended-parts.ts';

const tmdbUrl = 'https://api.themoviedb.org/3';

const exportUrl = 'https://files.tmdb.org';

/** Outside version 3 of its API, TMDb answers every path with the 404 of a deleted movie. */
const isVersion3 = (url: string): boolean => !isTmdb(url) || new URL(url).pathname === '/3';

const isTmdb = (url: string): boolean => /(^|\.)(themoviedb|tmdb)\.org$/.test(new URL(url).hostname);

const partList = listOf(parsePart, knownParts.map((part) => `\`${part}\``).join(', '));

const settings = {
  token: setting({
    name: 'TMDB_TOKEN',
    kind: headerSecret,
    meaning:
      'The v4 token (API Read Access Token), sent as a Bearer header. Without a token or key, the sandbox is used.',
  }),
  apiKey: setting({
    name: 'TMDB_API_KEY',
    kind: headerSecret,
    meaning: 'The v3 key. TMDb accepts it only in the query string. It is never stored or logged.',
  }),
  baseUrl: setting({
    name: 'TMDB_BASE_URL',
    kind: {
      schema: httpUrl(tmdbUrl).refine(isVersion3, `the path must end with /3, as in ${tmdbUrl}`),
      form: 'URL that ends with `/3`',
    },
    meaning: "Another server with TMDb's API, such as your own sandbox. It needs TMDB_TOKEN or TMDB_API_KEY.",
    defaultNote: `\`${tmdbUrl}\``,
  }),
  exportUrl: setting({
    name: 'TMDB_EXPORT_URL',
    kind: { schema: httpUrl(exportUrl), form: 'URL' },
    meaning: 'The server of the daily export of ids. No token or key is sent to it.',
    defaultNote: `\`${exportUrl}\`, or the server of TMDB_BASE_URL if that is not TMDb`,
  }),
  withAdult: setting({
    name: 'TMDB_ADULT',
    kind: flag,
    default: 'false',
    meaning: 'Whether `produce changes` and `produce export` also publish movies that TMDb marks as adult.',
  }),
  parts: setting({
    name: 'TMDB_APPEND',
    kind: { schema: partList.schema.transform(inOrder), form: partList.form },
    default: '',
    meaning:
      'Parts that TMDb adds to the details of each movie, in the same request, and that dbt reads into SILVER. Set it for the fetchers and for the process that runs dbt. With all three, an answer is about ten times as large.',
    see: 'docs/adr/0067-parts-of-a-movie-come-with-its-details.md',
  }),
  rateLimit: setting({
    name: 'TMDB_RATE_LIMIT',
    kind: { schema: parsedBy(parseRate, '40/10s'), form: 'requests/duration' },
    default: '40/10s',
    meaning: 'The maximum number of requests in any time window, across all processes that share a token bucket.',
  }),
  refreshAfterMs: setting({
    name: 'TMDB_REFRESH_AFTER',
    kind: duration,
    default: '24h',
    meaning: 'A movie is fetched again only after this time.',
  }),
  reaskAfterMs: setting({
    name: 'TMDB_REASK_AFTER',
    kind: duration,
    default: '150d',
    meaning: 'Before its newest request reaches this age, `produce export` publishes a movie again.',
  }),
  retentionMs: setting({
    name: 'TMDB_RETENTION',
    kind: duration,
    default: '180d',
    meaning:
      "How long the warehouse keeps TMDb's answers; Snowflake's Time Travel and Fail-safe keep replaced rows for up to eight more days. TMDb's terms allow six " +
      'months. It must be longer than TMDB_REASK_AFTER.',
    see: 'docs/runbook.md#expired-answers',
  }),
  timeoutMs: setting({
    name: 'TMDB_TIMEOUT',
    kind: duration,
    default: '10s',
    meaning: 'Time limit for one request, from start to end.',
  }),
  concurrency: setting({
    name: 'TMDB_CONCURRENCY',
    // TMDb allows 20 connections from one address.
    kind: integer({ min: 1, max: 20 }),
    default: '20',
    meaning: 'The maximum number of requests in flight.',
  }),
  maxBodyBytes: setting({
    name: 'TMDB_MAX_BODY',
    kind: bytes,
    default: '4MB',
    meaning: 'A larger answer is parked.',
  }),
  giveUpAfterMs: setting({
    name: 'TMDB_GIVE_UP_AFTER',
    kind: duration,
    default: '10m',
    meaning:
      'How long a command waits during an outage of TMDb. If TMDb has never answered, the command fails after four attempts and one probe. A service waits without limit.',
  }),
};

const schema = objectOf(settings)
  .superRefine(({ baseUrl, token, apiKey }, context) => {
    if (!baseUrl || token || apiKey) return;
    const message = 'needed with TMDB_BASE_URL (a sandbox of yours takes any value)';
    context.addIssue({ code: 'custom', path: ['token'], message });
  })
  .superRefine(({ retentionMs, reaskAfterMs }, context) => {
    if (retentionMs > reaskAfterMs) return;
    const message = 'must be longer than TMDB_REASK_AFTER, or movies leave GOLD before they are requested again';
    context.addIssue({ code: 'custom', path: ['retentionMs'], message });
  })
  .transform(({ baseUrl = tmdbUrl, exportUrl: given, ...others }) => {
    // Ids of TMDb mean nothing to a sandbox.
    const ofServer = isTmdb(baseUrl) ? exportUrl : new URL(baseUrl).origin;
    return { ...others, baseUrl, exportUrl: given ?? ofServer };
  });

export type TmdbSettings = Readonly<z.infer<typeof schema>>;

export const tmdbGroup = { title: 'TMDb', prefixes: ['TMDB_'], settings, schema } satisfies SettingsGroup;
