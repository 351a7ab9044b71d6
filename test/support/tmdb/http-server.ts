import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Certificate } from '../kafka/certificates.ts';

export interface HttpServer extends AsyncDisposable {
  readonly port: number;
  /** `METHOD /path` of each request, in order, with its Authorization header if it had one. */
  readonly seen: readonly string[];
}

/** A server for one test on loopback, on any free port unless one is given. With a certificate, it uses TLS. */
export async function serve(listener: RequestListener, certificate?: Certificate, port = 0): Promise<HttpServer> {
  const seen: string[] = [];
  const noted: RequestListener = (request, response) => {
    const { authorization } = request.headers;
    seen.push([request.method, request.url, ...(authorization ? [authorization] : [])].join(' '));
    listener(request, response);
  };
  const server: Server = certificate ? createTlsServer(certificate, noted) : createServer(noted);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
