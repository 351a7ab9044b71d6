import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../platform/config.ts';
import { mayBeCleartext } from '../../../runtime/cleartext.ts';

const mistakes = (environment: Record<string, string>): string => {
  try {
    loadConfig(environment);
    return '';
  } catch (error) {
    return String(error);
  }
};

const oauth = {
  KAFKA_SASL_MECHANISM: 'oauthbearer',
  KAFKA_OAUTH_TOKEN_URL: 'https://127.0.0.1/token',
  KAFKA_OAUTH_CLIENT_ID: 'us',
  KAFKA_OAUTH_CLIENT_SECRET: 'canary',
};

/** Settings that send credentials to a host: unencrypted and encrypted. */
const carriers = [
  {
    setting: 'TMDB_BASE_URL',
    open: (host: string) => ({ TMDB_BASE_URL: `http://${host}/3`, TMDB_TOKEN: 'canary' }),
    encrypted: (host: string) => ({ TMDB_BASE_URL: `https://${host}/3`, TMDB_TOKEN: 'canary' }),
  },
  {
    setting: 'TMDB_BASE_URL',
    open: (host: string) => ({ TMDB_BASE_URL: `http://${host}:8080/3`, TMDB_API_KEY: 'canary' }),
    encrypted: (host: string) => ({ TMDB_BASE_URL: `https://${host}:8080/3`, TMDB_API_KEY: 'canary' }),
  },
  {
    setting: 'TOKEN_BUCKET_URL',
    open: (host: string) => ({ TOKEN_BUCKET_URL: `redis://:canary@${host}:6379` }),
    encrypted: (host: string) => ({ TOKEN_BUCKET_URL: `rediss://:canary@${host}:6379` }),
  },
  {
    setting: 'KAFKA_SASL_MECHANISM',
    open: (host: string) => ({
      KAFKA_BROKERS: `127.0.0.1:9092,${host}:9092`,
      KAFKA_USERNAME: 'u',
      KAFKA_PASSWORD: 'canary',
      KAFKA_SASL_MECHANISM: 'plain',
    }),
    encrypted: (host: string) => ({
      KAFKA_BROKERS: `127.0.0.1:9092,${host}:9092`,
      KAFKA_USERNAME: 'u',
      KAFKA_PASSWORD: 'canary',
      KAFKA_SASL_MECHANISM: 'plain',
      KAFKA_SSL: 'true',
    }),
  },
  {
    setting: 'KAFKA_SASL_MECHANISM',
    open: (host: string) => ({ ...oauth, KAFKA_BROKERS: `127.0.0.1:9092,${host}:9092` }),
    encrypted: (host: string) => ({ ...oauth, KAFKA_BROKERS: `127.0.0.1:9092,${host}:9092`, KAFKA_SSL: 'true' }),
  },
  {
    setting: 'KAFKA_OAUTH_TOKEN_URL',
    open: (host: string) => ({ ...oauth, KAFKA_OAUTH_TOKEN_URL: `http://${host}/token` }),
    encrypted: (host: string) => ({ ...oauth, KAFKA_OAUTH_TOKEN_URL: `https://${host}/token` }),
  },
] as const;

const near = [
  '127.0.0.1',
  '127.8.9.1',
  'localhost',
  '[::1]',
  '10.1.2.3',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.9',
];
const alsoNear = ['169.254.3.4', '100.64.0.1', '[fd12::1]', '[fe80::1]', 'valkey', 'kafka.internal', 'nas.local'];
const far = ['example.org', '8.8.8.8', '172.32.0.1', '172.15.0.1', '192.169.0.1', '11.0.0.1', '100.128.0.1'];
const alsoFar = ['[2001:db8::1]', 'localhost.example.org', 'internal.example.org', '127.0.0.1.example.org'];

describe.each(carriers)('credentials by $setting', ({ setting, open, encrypted }) => {
  it.each([...near, ...alsoNear])('may be sent unencrypted to %s', (host) => {
    expect(mistakes(open(host))).toBe('');
  });

  it.each([...far, ...alsoFar])(
    '[R97] are refused unencrypted to %s, unless it is allowed by name, and accepted encrypted',
    (host) => {
      const refused = mistakes(open(host));
      const bare = host.replace(/^\[|\]$/g, '');
      expect(refused).toContain(`${setting}: the `);
      expect(refused).toContain(`ALLOW_CLEARTEXT_TO=`);
      expect(refused).not.toContain('canary');
      expect(mistakes(encrypted(host))).toBe('');
      expect(mistakes({ ...open(host), ALLOW_CLEARTEXT_TO: `other.example, ${bare.toUpperCase()}` })).toBe('');
      expect(mistakes({ ...open(host), ALLOW_CLEARTEXT_TO: 'other.example' })).toContain(setting);
    },
  );
});

it('without credentials, and with SCRAM, which sends no password, any host is allowed', () => {
  expect(mistakes({ TOKEN_BUCKET_URL: 'redis://example.org:6379' })).toBe('');
  expect(mistakes({ KAFKA_BROKERS: 'example.org:9092' })).toBe('');
  const sasl = { KAFKA_USERNAME: 'u', KAFKA_PASSWORD: 'p', KAFKA_SASL_MECHANISM: 'scram-sha-256' };
  expect(mistakes({ KAFKA_BROKERS: 'example.org:9092', ...sasl })).toBe('');
});

it('[R97] a public IPv4 address never counts as private, in any notation', () => {
  const octet = fc.integer({ min: 0, max: 255 });
  fc.assert(
    fc.property(octet, octet, octet, octet, (a, b, c, d) => {
      const isPrivate =
        [10, 127].includes(a) ||
        (a === 172 && b >= 16 && b < 32) ||
        (a === 192 && b === 168) ||
        (a === 169 && b === 254) ||
        (a === 100 && b >= 64 && b < 128);
      for (const host of [`${a}.${b}.${c}.${d}`, `::ffff:${a}.${b}.${c}.${d}`, `[::ffff:${a}.${b}.${c}.${d}]`]) {
        expect(mayBeCleartext(host, []), host).toBe(isPrivate);
      }
    }),
  );
});
