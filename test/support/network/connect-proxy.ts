import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';

interface ConnectProxyOptions {
  /** The names that only the proxy resolves: from `host:port` to a port of loopback. The proxy answers any other name with 502. */
  readonly hosts: Readonly<Record<string, number>>;
  /** The `user:password` that a client must send. If absent, every client is served. */
  readonly credentials?: string;
}

/** An HTTP proxy on loopback: tunnels (CONNECT), and forwards plain requests. */
export interface ConnectProxy extends AsyncDisposable {
  readonly port: number;
  /** The requests of clients, in order: `CONNECT host:port`, or method and URL of a plain request. */
  readonly asked: readonly string[];
}

export async function startConnectProxy({ hosts, credentials }: ConnectProxyOptions): Promise<ConnectProxy> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const expected = credentials && `Basic ${Buffer.from(credentials).toString('base64')}`;
  const server = createServer((request, response) => {
    const { host, port, pathname, search } = new URL(request.url ?? '/', 'http://no.proxy.request');
    asked.push(`${request.method} ${request.url}`);
    const target = hosts[`${host}${port ? '' : ':80'}`];
    if (expected && request.headers['proxy-authorization'] !== expected) return void response.writeHead(407).end();
    if (target === undefined) return void response.writeHead(502).end();
    const options = { port: target, host: '127.0.0.1', method: request.method, path: pathname + search };
    const { 'proxy-authorization': _, ...headers } = request.headers;
    request.pipe(
      httpRequest({ ...options, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      }),
    );
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  });
  server.on('connect', (request, socket: Socket, head) => {
    asked.push(`CONNECT ${request.url}`);
    const refuse = (status: string) => void socket.end(`HTTP/1.1 ${status}\r\ncontent-length: 0\r\n\r\n`);
    const target = hosts[request.url ?? ''];
    if (expected && request.headers['proxy-authorization'] !== expected)
      return refuse('407 Proxy Authentication Required');
    if (target === undefined) return refuse('502 Bad Gateway');
    const upstream = connect(target, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.write(head);
      upstream.pipe(socket).pipe(upstream);
    });
    upstream.on('error', () => socket.destroy()).on('close', () => socket.destroy());
    socket.on('close', () => upstream.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
