import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { dropSecrets, loadConfig } from '../../../platform/config.ts';
import { UsageError } from '../../../runtime/errors.ts';
import { createAuthority } from '../../support/kafka/certificates.ts';

const mistakes = (environment: NodeJS.ProcessEnv): string => {
  try {
    loadConfig(environment);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  return 'none';
};

describe('the configuration', () => {
  it('needs no variable: the defaults run against the sandbox', () => {
    const config = loadConfig({});
    expect(config.tmdb.rateLimit).toEqual({ capacity: 40, windowMs: 10_000 });
    expect(config.origin).toBe('generated');
    expect(config.kafka.brokers).toBeUndefined();
  });

  it('lists every mistake at once', () => {
    const text = mistakes({
      TMDB_RATE_LIMIT: 'fast',
      TMDB_REFRESH_AFTER: '1 fortnight',
      WAREHOUSE: 'oracle',
      TMDB_BASE_URL: 'x',
    });
    for (const name of ['TMDB_RATE_LIMIT', 'TMDB_REFRESH_AFTER', 'WAREHOUSE', 'TMDB_BASE_URL'])
      expect(text).toContain(name);
    expect(text).toContain('4 mistake(s)');
  });

  it('wants movies to be requested again before their answers expire', () => {
    expect(mistakes({ TMDB_RETENTION: '150d' })).toContain('TMDB_RETENTION: must be longer than TMDB_REASK_AFTER');
    const short = { TMDB_RETENTION: '90d', TMDB_REASK_AFTER: '80d' };
    expect(mistakes({ ...short, KAFKA_RAW_RETENTION: '83d' })).toBe('none');
  });

  it('[R151] lets Kafka keep no record for longer than the answers', () => {
    expect(mistakes({ KAFKA_RAW_RETENTION: '174d' })).toContain('KAFKA_RAW_RETENTION: must be at least seven days');
    expect(mistakes({ KAFKA_RAW_RETENTION: '173d' })).toBe('none');
  });

  it('treats an empty variable as not set', () => {
    expect(loadConfig({ TMDB_TOKEN: '', TMDB_RATE_LIMIT: '', SANDBOX_CATALOGUE: '' }).origin).toBe('generated');
  });

  it('keeps invented, recorded and real movies in separate folders', () => {
    const folders = [{}, { SANDBOX_CATALOGUE: 'package.json' }, { TMDB_TOKEN: 'made-up' }].map(
      (env) => loadConfig(env).dataDir,
    );
    expect(new Set(folders).size).toBe(3);
  });

  it('shows no secret in any kind of output', () => {
    const canary = 'canary-token';
    const config = loadConfig({
      TMDB_TOKEN: canary,
      TMDB_API_KEY: canary,
      KAFKA_USERNAME: 'u',
      KAFKA_PASSWORD: canary,
    });
    expect(`${inspect(config, { depth: 9 })} ${JSON.stringify(config)} ${config.tmdb.token}`).not.toContain(canary);
    expect(config.tmdb.token?.reveal()).toBe(canary);
    expect(config.secrets).toHaveLength(3);
  });

  it('removes every secret from the environment once it is read, and nothing else', () => {
    const names = ['TMDB_TOKEN', 'TMDB_API_KEY', 'KAFKA_PASSWORD', 'TOKEN_BUCKET_URL', 'SNOWFLAKE_PRIVATE_KEY'];
    names.push('SNOWFLAKE_PRIVATE_KEY_PASSPHRASE', 'SNOWFLAKE_TOKEN', 'SNOWFLAKE_PASSWORD');
    const environment = Object.fromEntries(names.map((name) => [name, 'canary']));
    const kept = { PATH: '/bin', KAFKA_USERNAME: 'u', TMDB_TOKEN_FILE: '/run/secrets/tmdb_token' };
    const both = { ...environment, ...kept };
    dropSecrets(both);
    expect(both).toEqual(kept);
  });

  it('shows no secret in the message about a mistake elsewhere', () => {
    expect(mistakes({ TMDB_TOKEN: 'canary-token', TMDB_RATE_LIMIT: 'x' })).not.toContain('canary');
  });

  it.each<[what: string, environment: NodeJS.ProcessEnv]>([
    ['with spaces around it', { TMDB_TOKEN: ' canary-token\n', TMDB_RATE_LIMIT: 'canary-token' }],
    ['in quotes that a tool has kept', { TMDB_TOKEN: '"canary-token"', TMDB_RATE_LIMIT: 'x canary-token' }],
    ['as the password of a URL', { TOKEN_BUCKET_URL: 'redis://:canary%2Fpass@h', TMDB_RATE_LIMIT: 'canary/pass' }],
    [
      'as the password of an invalid URL',
      { TOKEN_BUCKET_URL: 'http://me:canary-key@h', TMDB_RATE_LIMIT: 'canary-key' },
    ],
    ['beside a file', { TMDB_TOKEN: 'canary-token', TMDB_TOKEN_FILE: 'package.json', TMDB_RATE_LIMIT: 'canary-token' }],
    [
      'that the lower-case variable replaces',
      {
        ...{ HTTPS_PROXY: 'http://me:canary-key@127.0.0.1:1', https_proxy: 'http://127.0.0.1:1' },
        TMDB_RATE_LIMIT: 'canary-key',
      },
    ],
  ])('shows no secret %s if another setting has it as well', (_, environment) => {
    const text = mistakes(environment);
    expect(text).toContain('TMDB_RATE_LIMIT: expected something like');
    expect(text).not.toContain('canary');
  });

  it('refuses to skip offsets of a topic that this deployment does not have, and names its topics', () => {
    const staging = { KAFKA_TOPIC_PREFIX: 'staging.', KAFKA_SKIP_OFFSETS: 'tmdb.raw-movies/0/1' };
    expect(mistakes(staging)).toBe(
      'the environment has 1 mistake(s): KAFKA_SKIP_OFFSETS: this deployment has no topic tmdb.raw-movies: expected one of ' +
        'staging.tmdb.movie-ids, staging.tmdb.movie-ids-backfill, staging.tmdb.raw-movies, staging.tmdb.raw-genres, ' +
        'staging.tmdb.producer-state, staging.tmdb.dead-letters',
    );
    expect(mistakes({ KAFKA_SKIP_OFFSETS: 'tmdb.raw-movies/0/1,tmdb.raw-movie/0/2-3' })).toContain('tmdb.raw-movie:');
    const skips = ['movie-ids', 'raw-movies', 'raw-genres', 'dead-letters'].map((name) => `staging.tmdb.${name}/0/1`);
    expect(loadConfig({ ...staging, KAFKA_SKIP_OFFSETS: skips.join() }).kafka.skips).toHaveLength(4);
  });

  it.each([
    [{ SANDBOX_CATALOGUE: 'nowhere.ndjson' }, 'there is no file'],
    [{ TMDB_BASE_URL: 'https://api.themoviedb.org/3' }, 'TMDB_TOKEN'],
    [{ TMDB_BASE_URL: 'https://user:word@host/3', TMDB_TOKEN: 'x' }, 'must have no user'],
    [{ TMDB_BASE_URL: 'https://host/3?api_key=x', TMDB_TOKEN: 'x' }, 'must have no user'],
    [{ TMDB_BASE_URL: 'https://api.themoviedb.org', TMDB_TOKEN: 'x' }, 'must end with /3'],
    [{ TMDB_BASE_URL: 'https://api.themoviedb.org/', TMDB_TOKEN: 'x' }, 'must end with /3'],
    [{ TMDB_BASE_URL: 'https://api.themoviedb.org/4', TMDB_TOKEN: 'x' }, 'must end with /3'],
    [{ TMDB_BASE_URL: 'https://api.themoviedb.org/3/movie', TMDB_TOKEN: 'x' }, 'must end with /3'],
    [{ TMDB_BASE_URL: 'https://API.TMDB.org/3/3', TMDB_TOKEN: 'x' }, 'must end with /3'],
    [{ TMDB_TOKEN: 'tök en' }, 'copy it again'],
    [{ KAFKA_USERNAME: 'someone' }, 'set KAFKA_USERNAME and KAFKA_PASSWORD, or neither'],
    [{ KAFKA_SASL_MECHANISM: 'oauthbearer' }, 'KAFKA_OAUTH_TOKEN_URL: needed with KAFKA_SASL_MECHANISM=oauthbearer'],
    [{ KAFKA_OAUTH_SCOPE: 'kafka' }, 'KAFKA_OAUTH_SCOPE: used only with KAFKA_SASL_MECHANISM=oauthbearer'],
    [{ KAFKA_OAUTH_TOKEN_URL: 'https://me:word@host/token' }, 'must have no user'],
    [{ KAFKA_CLIENT_KEY: 'x' }, 'set KAFKA_CLIENT_CERT and KAFKA_CLIENT_KEY, or neither'],
    [{ KAFKA_CLIENT_CERT: 'x', KAFKA_CLIENT_KEY: 'x' }, 'KAFKA_CLIENT_CERT: needs KAFKA_SSL=true'],
    [
      { KAFKA_CLIENT_CERT: 'x', KAFKA_CLIENT_KEY: 'x', KAFKA_SSL: 'true' },
      'KAFKA_CLIENT_CERT: it is not a certificate in PEM',
    ],
    [{ TMDB_CONCURRENCY: '21' }, 'TMDB_CONCURRENCY'],
    [{ TMDB_RATE_LIMIT: '0/10s' }, '40/10s'],
    [{ KAFKA_SESSION_TIMEOUT: '900ms' }, 'expected 1s or more'],
    [{ KAFKA_TOPIC_PREFIX: 'a/b' }, 'expected only letters'],
    [{ KAFKA_TOPIC_PREFIX: 'staging.\n' }, 'expected only letters'],
    [{ KAFKA_TOPIC_PREFIX: 'ä' }, 'expected only letters'],
    [{ KAFKA_TOPIC_PREFIX: 'x'.repeat(227) }, 'expected at most 226 characters'],
  ])('refuses %j', (environment, hint) => {
    expect(mistakes(environment)).toContain(hint);
  });

  it('logs in to Kafka by a token, or identifies itself by a certificate, whose key must be its own', () => {
    const [ours, other] = [createAuthority('ours').issue(['client']), createAuthority('other').issue(['client'])];
    const tls = { KAFKA_SSL: 'true', KAFKA_CLIENT_CERT: ours.cert };
    const { clientCertificate } = loadConfig({ ...tls, KAFKA_CLIENT_KEY: ours.key }).kafka;
    expect(clientCertificate?.cert).toBe(ours.cert.trim());
    expect(clientCertificate?.key.reveal()).toBe(ours.key.trim());
    const wrong = mistakes({ ...tls, KAFKA_CLIENT_KEY: other.key });
    expect(wrong).toContain('KAFKA_CLIENT_KEY: the key does not match the certificate in KAFKA_CLIENT_CERT');
    expect(mistakes({ ...tls, KAFKA_CLIENT_KEY: 'canary' })).toMatch(
      /KAFKA_CLIENT_KEY: it is not a private key in PEM/,
    );
    expect(wrong + mistakes({ ...tls, KAFKA_CLIENT_KEY: 'canary' })).not.toMatch(/canary|PRIVATE/);
    const oauth = {
      ...{ KAFKA_SASL_MECHANISM: 'oauthbearer', KAFKA_OAUTH_TOKEN_URL: 'https://login.example.com/token/' },
      ...{ KAFKA_OAUTH_CLIENT_ID: 'us', KAFKA_OAUTH_CLIENT_SECRET: 'canary' },
    };
    expect(loadConfig(oauth).kafka.sasl).toMatchObject({
      ...{ mechanism: 'oauthbearer', tokenUrl: 'https://login.example.com/token/', clientId: 'us', scope: undefined },
    });
    expect(mistakes({ ...oauth, KAFKA_USERNAME: 'u', KAFKA_PASSWORD: 'p' })).toContain('KAFKA_USERNAME: not used with');
  });

  it('adds nothing to the names of topics and groups without a prefix', () => {
    const { topics, groups, formerGroups } = loadConfig({ KAFKA_TOPIC_PREFIX: '' }).kafka;
    const names = Object.values(topics).map(({ name }) => name);
    expect(names).toEqual([
      ...['tmdb.movie-ids', 'tmdb.movie-ids-backfill', 'tmdb.raw-movies', 'tmdb.raw-genres'],
      ...['tmdb.producer-state', 'tmdb.dead-letters'],
    ]);
    expect(Object.values(groups)).toEqual([
      ...['tmdb.fetcher', 'tmdb.fetcher-backfill', 'tmdb.loader', 'tmdb.replay-raw'],
    ]);
    // Offsets of older versions are in these groups: their names never change.
    expect(formerGroups).toEqual({ fetcher: 'movie-details', loader: 'bronze-loader' });
  });

  it('begins the name of each topic and group with the prefix, up to the length that Kafka allows', () => {
    const prefix = 'x'.repeat(226);
    const { topics, groups, formerGroups } = loadConfig({ KAFKA_TOPIC_PREFIX: prefix }).kafka;
    const names = [
      ...Object.values(topics).map(({ name }) => name),
      ...Object.values(groups),
      ...Object.values(formerGroups),
    ];
    expect(names.filter((name) => !name.startsWith(prefix))).toEqual([]);
    expect(Math.max(...names.map(({ length }) => length))).toBe(249);
  });

  it('accepts a base URL with or without a slash at its end', () => {
    const config = loadConfig({ TMDB_BASE_URL: 'http://127.0.0.1:8080/3/', TMDB_TOKEN: 'made-up' });
    expect(config.tmdb.baseUrl).toBe('http://127.0.0.1:8080/3');
  });

  describe('secrets as files', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-secrets-'));
    const file = (name: string, text: string) => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    afterAll(() => rmSync(folder, { recursive: true }));

    it('reads a secret from the file that NAME_FILE names', () => {
      const config = loadConfig({ TMDB_TOKEN_FILE: file('token', 'from-a-file\n') });
      expect(config.tmdb.token?.reveal()).toBe('from-a-file');
      expect(config.secrets.map((secret) => secret.reveal())).toContain('from-a-file');
    });

    it('treats an empty file as a secret that is not set', () => {
      expect(loadConfig({ TMDB_TOKEN_FILE: file('empty', '\n') }).origin).toBe('generated');
    });

    it('refuses a missing file, and a secret given twice, without quoting it', () => {
      expect(mistakes({ TMDB_TOKEN_FILE: join(folder, 'missing') })).toContain('TMDB_TOKEN_FILE: cannot be read');
      const twice = mistakes({ TMDB_TOKEN: 'canary', TMDB_TOKEN_FILE: file('twice', 'canary') });
      expect(twice).toContain('not both');
      expect(twice).not.toContain('canary');
    });
  });

  it('treats the whole URL of the token bucket and its password as secrets', () => {
    const url = 'redis://fleet:canary%2Fpass@127.0.0.1:6379/1';
    const { secrets, tokenBucketUrl } = loadConfig({ TOKEN_BUCKET_URL: url });
    expect(tokenBucketUrl?.reveal()).toBe(url);
    expect(secrets.map((secret) => secret.reveal())).toEqual([url, 'canary%2Fpass', 'canary/pass']);
    expect(mistakes({ TOKEN_BUCKET_URL: 'http://canary:pass@host' })).not.toContain('canary');
    expect(mistakes({ TOKEN_BUCKET_URL: 'redis://:50%off@host' })).toContain('%25');
    expect(mistakes({ TMDB_TOKEN_FILE: 'canary-token' })).not.toContain('canary');
  });

  it('checks addresses and schedules', () => {
    expect(loadConfig({ HTTP_LISTEN: '0.0.0.0:9464' }).httpListen).toEqual({ host: '0.0.0.0', port: 9464 });
    expect(loadConfig({ HTTP_LISTEN: '[::1]:0' }).httpListen).toEqual({ host: '::1', port: 0 });
    for (const bad of ['9464', 'host:', 'host:99999', 'a b:1']) {
      expect(mistakes({ HTTP_LISTEN: bad })).toContain('HTTP_LISTEN: expected something like 127.0.0.1:9464');
    }
    expect(loadConfig({ TRANSFORM_SCHEDULE: '* * * * * *' }).transformSchedule).toBe('* * * * * *');
    for (const bad of ['often', '61 * * * *', '0 0 30 2 *']) {
      expect(mistakes({ TRANSFORM_SCHEDULE: bad })).toContain('TRANSFORM_SCHEDULE');
    }
  });
});
