import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http';
import { messageOf } from '../runtime/errors.ts';
import { listen } from '../runtime/listen.ts';
import type { Logger } from '../runtime/logger.ts';
import type { ListenAddress } from '../runtime/settings.ts';
import { type Answer, textAnswer } from './answer.ts';
import { compress, encodingFor } from './encodings.ts';
import { createGuard, type GuardOptions, type Refusal } from './guard.ts';
import type { Site } from './site.ts';
import { staticAnswer } from './static-files.ts';

export interface DashboardServer extends AsyncDisposable {
  /** `http://host:port`, with the actual port. */
  readonly url: string;
}

export interface DashboardServerOptions extends GuardOptions {
  readonly listen: ListenAddress;
  readonly site: Site;
  readonly log: Logger;
}

/** Nothing inline, nothing from elsewhere. */
const securityHeaders = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  // Asked for again each time, because a build can be published at any time. With the ETag, an unchanged page costs no body.
  'cache-control': 'private, no-cache',
  vary: 'accept-encoding, authorization',
} as const;

const refusals: Readonly<Record<Refusal, { readonly answer: Answer; readonly headers: OutgoingHttpHeaders }>> = {
  host: {
    answer: textAnswer(421, 'this name is not in DASHBOARD_HOSTS: use http://localhost, or add the name'),
    headers: {},
  },
  token: {
    answer: textAnswer(
      401,
      'give the token of DASHBOARD_TOKEN as a bearer token, or as the password with any user name',
    ),
    headers: { 'www-authenticate': 'Basic realm="tmdb-stream", charset="UTF-8", Bearer realm="tmdb-stream"' },
  },
};

const timeouts = { headersTimeout: 10_000, requestTimeout: 10_000, keepAliveTimeout: 5_000 };

/**
 * Serves the dashboard, only for reading. @throws UsageError if it cannot listen on the address.
 */
export async function startDashboardServer(options: DashboardServerOptions): Promise<DashboardServer> {
  const { site, log } = options;
  const refusalOf = createGuard(options);
  const server = createServer(timeouts, (request, response) => {
    const refusal = refusalOf(request.headers);
    const done = refusal
      ? send(request, response, refusals[refusal].answer, refusals[refusal].headers)
      : answer(site, request).then((found) => send(request, response, found));
    done.catch((error) => {
      log.error({ error: messageOf(error), path: pathOf(request) }, 'a request of the dashboard failed');
      if (response.headersSent) response.destroy();
      else
        response
          .writeHead(500, { ...securityHeaders, 'content-type': 'text/plain' })
          .end('failed: the log has the reason\n');
    });
  });
  server.maxConnections = 512;
  const url = await listen(server, options.listen, 'DASHBOARD_LISTEN');
  // A connection that could not be accepted, for example with too many open files, must not end the process.
  server.on('error', (error) => log.warn({ error: messageOf(error) }, 'the dashboard could not accept a connection'));
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** The address without a host: what a client sends as an absolute address is not trusted. */
function addressOf({ url = '/' }: IncomingMessage): URL | null {
  return url.startsWith('/') ? URL.parse(`http://dashboard.invalid${url}`) : null;
}

const pathOf = (request: IncomingMessage): string | undefined => addressOf(request)?.pathname;

async function answer(site: Site, request: IncomingMessage): Promise<Answer> {
  const address = addressOf(request);
  if (!address) return textAnswer(400, 'the address is not valid');
  if (request.method !== 'GET' && request.method !== 'HEAD') return textAnswer(405, 'only GET and HEAD');
  return staticAnswer(address.pathname) ?? (await site.answer(address.pathname, address.searchParams));
}

async function send(
  { method, headers: asked }: IncomingMessage,
  response: ServerResponse,
  { status, type, body, fileName }: Answer,
  more: OutgoingHttpHeaders = {},
): Promise<void> {
  const bytes = Buffer.from(body);
  const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 27)}"`;
  const headers: OutgoingHttpHeaders = { ...securityHeaders, ...more, etag, 'content-type': type };
  if (fileName !== undefined) headers['content-disposition'] = `attachment; filename="${fileName}"`;
  if (status === 405) headers['allow'] = 'GET, HEAD';
  if (status === 503) headers['retry-after'] = '5';
  if (status === 200 && hasTag(asked['if-none-match'], etag)) {
    response.writeHead(304, headers).end();
    return;
  }
  const encoding = encodingFor(asked['accept-encoding'], bytes.length);
  const sent = encoding ? await compress(bytes, encoding) : bytes;
  if (encoding) headers['content-encoding'] = encoding;
  response.writeHead(status, { ...headers, 'content-length': sent.length }).end(method === 'HEAD' ? undefined : sent);
}

const hasTag = (header: string | undefined, etag: string): boolean =>
  (header ?? '').split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag);
