import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { Secret } from '../../runtime/secret.ts';
import { openTransport, type Transport, type TransportOptions } from '../../tmdb/transport.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

describe('the HTTP transport', () => {
  const opened: AsyncDisposable[] = [];
  const canary = 'canary-in-place-of-a-token';

  afterEach(async () => {
    for (const resource of opened.splice(0).reverse()) await resource[Symbol.asyncDispose]();
  });

  const serve = async (handler: Handler): Promise<string> => {
    const server = createServer(handler);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    opened.push({
      [Symbol.asyncDispose]: () =>
        new Promise((resolve) => {
          server.closeAllConnections();
          server.close(() => resolve());
        }),
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/3`;
  };

  const open = (baseUrl: string, more: Partial<TransportOptions> = {}): Transport => {
    const defaults = {
      token: new Secret(canary),
      apiKey: undefined,
      timeoutMs: 5_000,
      maxBodyBytes: 100_000,
      connections: 2,
    };
    const transport = openTransport({ baseUrl, ...defaults, ...more });
    opened.push(transport);
    return transport;
  };

  const get = (transport: Transport, path = '/movie/5') => transport.get(path, () => {});

  it('sends the v4 token as a Bearer header and nowhere else', async () => {
    const seen: IncomingMessage[] = [];
    const url = await serve((request, response) => {
      seen.push(request);
      response.end('{}');
    });
    await get(open(url));
    expect(seen[0]?.headers.authorization).toBe(`Bearer ${canary}`);
    expect(seen[0]?.url).toBe('/3/movie/5');
  });

  it('[S1] sends the v3 key in the query, and shows it in no error', async () => {
    const seen: (string | undefined)[] = [];
    const url = await serve((request, response) => {
      seen.push(request.url);
      response.destroy();
    });
    const transport = open(url, { token: undefined, apiKey: new Secret(canary) });
    const error = await get(transport, '/movie/popular?page=1').catch((thrown) => thrown);
    expect(seen[0]).toBe(`/3/movie/popular?page=1&api_key=${canary}`);
    expect(`${error.stack} ${JSON.stringify(error)} ${error.cause}`).not.toContain(canary);
    expect(error.retriable).toBe(true);
  });

  it('does not follow a redirect', async () => {
    let elsewhere = 0;
    const other = await serve((_, response) => {
      elsewhere += 1;
      response.end();
    });
    const url = await serve((_, response) => response.writeHead(302, { location: `${other}/movie/5` }).end());
    expect((await get(open(url))).status).toBe(302);
    expect(elsewhere).toBe(0);
  });

  it('decompresses gzip and keeps every byte', async () => {
    const body = Buffer.from('{"title":"天气之子 \\u0000"}');
    const url = await serve((_, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'application/json' }).end(gzipSync(body)),
    );
    expect((await get(open(url))).body.equals(body)).toBe(true);
  });

  it('limits the size to which a small answer decompresses', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    const url = await serve((_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb));
    await expect(get(open(url))).rejects.toMatchObject({ reason: 'body_too_large', retriable: false });
  });

  it('has one deadline for the whole answer, however slowly it arrives', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200);
      const dribble = setInterval(() => response.write(' '), 20);
      response.on('close', () => clearInterval(dribble));
    });
    await expect(get(open(url, { timeoutMs: 300 }))).rejects.toMatchObject({ retriable: true });
  });

  it('distinguishes a body that ends before its length from a complete one', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('{"id":5');
      setImmediate(() => response.destroy());
    });
    await expect(get(open(url))).rejects.toMatchObject({ retriable: true });
  });

  it('[R34] reports that no server listens as a retriable error', async () => {
    const url = await serve(() => {});
    await opened.pop()?.[Symbol.asyncDispose]();
    const error = await get(open(url)).catch((thrown) => thrown);
    expect(error.retriable).toBe(true);
    expect(error.message).toMatch(/ECONNREFUSED/);
  });

  it('reports the first byte before the body is complete', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200);
      response.write('{');
      afterFirstByte = () => response.end('}');
    });
    let afterFirstByte = () => {};
    const answer = await open(url).get('/movie/5', () => afterFirstByte());
    expect(answer.body.toString()).toBe('{}');
  });
});
