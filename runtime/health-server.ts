import { createServer, type ServerResponse } from 'node:http';
import { messageOf } from './errors.ts';
import { escapeControls } from './escape-controls.ts';
import type { Health, Verdict } from './health.ts';
import { listen } from './listen.ts';
import type { ListenAddress } from './settings.ts';

export interface HealthServer extends AsyncDisposable {
  /** `http://host:port`, with the actual port. */
  readonly url: string;
}

/**
 * A client of the health server sends its whole request at once. Connections are few, so one that stays open must not block others
 * for long. By default, Node would check for such connections only every 30 seconds.
 */
const patience = { headersTimeout: 2_000, requestTimeout: 2_000, connectionsCheckingInterval: 1_000 };

/** The metrics in Prometheus's text format, served next to health. */
export interface Exposition {
  readonly contentType: string;
  metrics(): Promise<string>;
}

/**
 * `/healthz` (200 alive, 503 stalled), `/readyz` (200 ready, 503 a dependency is out of reach), `/metrics`. All are read-only
 * and contain no secret, but they are meant for a private network.
 * @throws UsageError if the server cannot listen on the address.
 */
export async function startHealthServer(
  address: ListenAddress,
  health: Health,
  exposition: Exposition,
): Promise<HealthServer> {
  const server = createServer(patience, (request, response) => {
    answer(request.url ?? '/', response, health, exposition).catch((error) => {
      response.writeHead(500, { 'content-type': 'text/plain' }).end(`${messageOf(error)}\n`);
    });
  });
  server.maxConnections = 64;
  const url = await listen(server, address, 'HTTP_LISTEN');
  // A connection that could not be accepted, for example with too many open files. Health is a side output: it must not end the service.
  server.on('error', () => {});
  // The server does not keep the process alive.
  server.unref();
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function answer(url: string, response: ServerResponse, health: Health, exposition: Exposition): Promise<void> {
  switch (url.split('?')[0]) {
    case '/healthz':
      return sendVerdict(response, health.liveness());
    case '/readyz':
      return sendVerdict(response, await health.readiness());
    case '/metrics': {
      const text = await exposition.metrics();
      response.writeHead(200, { 'content-type': exposition.contentType }).end(text);
      return;
    }
    default:
      response.writeHead(404, { 'content-type': 'text/plain' }).end('not found: use /healthz, /readyz or /metrics\n');
  }
}

const sendVerdict = (response: ServerResponse, verdict: Verdict): void => {
  response
    .writeHead(verdict.ok ? 200 : 503, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    .end(`${escapeControls(JSON.stringify(verdict))}\n`);
};
