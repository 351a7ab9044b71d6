import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ListenAddress } from './config-fields.ts';
import { messageOf, UsageError } from './errors.ts';
import { escapeControls } from './escape-controls.ts';
import type { Health, Verdict } from './health.ts';

export interface HealthServer extends AsyncDisposable {
  /** `http://host:port`, the port as it came to be. */
  readonly url: string;
}

/**
 * Who asks about health has all of its question ready. Connections are few, so one that is held open must not keep others
 * out for long: Node itself would look for such only every half minute.
 */
const patience = { headersTimeout: 2_000, requestTimeout: 2_000, connectionsCheckingInterval: 1_000 };

/** What is served beside health: the text that Prometheus scrapes. */
export interface Exposition {
  readonly contentType: string;
  metrics(): Promise<string>;
}

/**
 * `/healthz` (200 alive, 503 stalled), `/readyz` (200 can work, 503 a dependency is out of reach), `/metrics`. Nothing
 * can be changed through it, and it tells no secret, but it is meant for the inside of a network.
 * @throws UsageError when the address cannot be listened on.
 */
export async function startHealthServer(
  { host, port }: ListenAddress,
  health: Health,
  exposition: Exposition,
): Promise<HealthServer> {
  const server = createServer(patience, (request, response) => {
    answer(request.url ?? '/', response, health, exposition).catch((error) => {
      response.writeHead(500, { 'content-type': 'text/plain' }).end(`${messageOf(error)}\n`);
    });
  });
  server.maxConnections = 64;
  await listening(server, { host, port });
  // A connection that could not be accepted, as with too many open files. Health is a side output: it must not end the service.
  server.on('error', () => {});
  // Whoever is asked about its health is not kept alive by that.
  server.unref();
  const { port: actual } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${actual}`,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function listening(server: Server, { host, port }: ListenAddress): Promise<void> {
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    throw new UsageError(`HTTP_LISTEN: cannot listen on ${host}:${port}: ${messageOf(error)}`);
  }
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
      response.writeHead(404, { 'content-type': 'text/plain' }).end('here are /healthz, /readyz and /metrics\n');
  }
}

const sendVerdict = (response: ServerResponse, verdict: Verdict): void => {
  response
    .writeHead(verdict.ok ? 200 : 503, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    .end(`${escapeControls(JSON.stringify(verdict))}\n`);
};
