import { z } from 'zod';
import { type Kind, objectOf, type SettingsGroup, setting } from './setting.ts';
import { choice, duration, list, parsedBy, path, secretUrl } from './setting-kinds.ts';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** `host:port`; a host in brackets is IPv6. */
function parseListen(text: string): ListenAddress | null {
  const [, host = '', port = ''] = /^(\[[\da-f:.]+\]|[^\s:/]+):(\d{1,5})$/i.exec(text.trim()) ?? [];
  return host !== '' && Number(port) <= 65_535 ? { host: host.replace(/^\[|\]$/g, ''), port: Number(port) } : null;
}

/** Where a server listens. */
export const listenAddress = (example: string): Kind<ListenAddress> => ({
  schema: parsedBy(parseListen, example),
  form: '`host:port`',
});

const processSettings = {
  httpListen: setting({
    name: 'HTTP_LISTEN',
    kind: listenAddress('127.0.0.1:9464'),
    meaning: 'Where a service exposes /healthz, /readyz and /metrics. Use it only in a private network.',
    defaultNote: 'nowhere',
  }),
  drainTimeoutMs: setting({
    name: 'DRAIN_TIMEOUT',
    kind: duration,
    default: '25s',
    meaning: 'How long a service may take to finish after the first signal.',
  }),
  logLevel: setting({
    name: 'LOG_LEVEL',
    kind: choice('trace', 'debug', 'info', 'warn', 'error', 'silent'),
    meaning: 'The lowest severity of log lines that are written, as JSON on standard error.',
    defaultNote: '`info` for services, else `warn`',
  }),
  temporaryFolder: setting({
    name: 'TMPDIR',
    kind: path('existing folder'),
    meaning: 'Folder for temporary files, for this program and the programs that it starts.',
    defaultNote: "the system's",
  }),
};

/** Services and logs. */
export const processGroup = {
  title: 'Services and logs',
  prefixes: ['DRAIN_'],
  settings: processSettings,
  schema: objectOf(processSettings),
} satisfies SettingsGroup;

const proxyUrl = secretUrl(/^https?$/, 'http://proxy.example.com:3128', 'http');

/** Hosts separated by commas or spaces. */
const hosts = z.string().transform((text): readonly string[] => text.split(/[\s,]+/).filter(Boolean));

const networkSettings = {
  https: setting({
    name: 'HTTPS_PROXY',
    kind: proxyUrl,
    meaning:
      "The HTTP proxy for https addresses of TMDb, Snowflake and Kafka's token endpoint, with user and password if it needs them.",
    isAlsoLowerCase: true,
  }),
  http: setting({
    name: 'HTTP_PROXY',
    kind: proxyUrl,
    meaning: "The HTTP proxy for http addresses of TMDb, Snowflake and Kafka's token endpoint.",
    isAlsoLowerCase: true,
  }),
  noProxy: setting({
    name: 'NO_PROXY',
    kind: { schema: hosts, form: 'comma-separated list, such as `example.com,10.0.0.0/8`' },
    default: '',
    meaning: 'Hosts, domains and networks that are reached without the proxy. This machine is always reached directly.',
    isAlsoLowerCase: true,
  }),
  cleartextHosts: setting({
    name: 'ALLOW_CLEARTEXT_TO',
    kind: list,
    default: '',
    meaning:
      'Hosts to which credentials may go unencrypted (http, redis, SASL PLAIN or OAUTHBEARER without TLS). Loopback, private networks and names without a dot are always allowed.',
  }),
  extraCertificates: setting({
    name: 'NODE_EXTRA_CA_CERTS',
    kind: path('file to read'),
    meaning: "A PEM file with your certificate authority, for TMDb, Kafka, Kafka's token endpoint and Redis.",
    isReadByNode: true,
  }),
};

/** How servers are reached, and where credentials may go. */
export const networkGroup = {
  title: 'Network',
  prefixes: ['ALLOW_CLEARTEXT_'],
  settings: networkSettings,
  schema: objectOf(networkSettings),
} satisfies SettingsGroup;
