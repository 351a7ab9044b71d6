import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import tls from 'node:tls';
import { brotliCompressSync, constants, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../runtime/secret.ts';
import { startSandbox } from '../../sandbox/server.ts';
import { TmdbUnreachableError, UntrustedServerError } from '../../tmdb/errors.ts';
import { openTransport, type Transport, type TransportOptions } from '../../tmdb/transport.ts';
import { ManualClock } from '../support/clock/manual-clock.ts';
import { createAuthority } from '../support/kafka/certificates.ts';
import { canary, FetcherStage } from '../support/tmdb/fetcher-stage.ts';
import { type HttpServer, serve } from '../support/tmdb/http-server.ts';

/** Faults of the connection to TMDb, and servers that pretend to be TMDb. */

let opened: AsyncDisposable[];

beforeEach(() => {
  opened = [];
});
afterEach(async () => {
  for (const resource of opened.reverse()) await resource[Symbol.asyncDispose]();
});

const keep = <T extends AsyncDisposable>(resource: T): T => {
  opened.push(resource);
  return resource;
};

const transportTo = (baseUrl: string, more: Partial<TransportOptions> = {}): Transport =>
  keep(
    openTransport({
      ...{ baseUrl, token: new Secret(canary), apiKey: undefined, timeoutMs: 5_000 },
      ...{ maxBodyBytes: 4_000_000, connections: 2, ...more },
    }),
  );
const get = (transport: Transport) => transport.get('/movie/5', () => {});

describe('a name that does not resolve', () => {
  it('[R34] is a retriable error, because a name server may be down', async () => {
    const failure = await get(transportTo('http://no-such-host.invalid/3')).catch((error) => error);
    expect(failure).toMatchObject({ name: 'UnusableAnswerError', retriable: true });
    expect(failure.message).toMatch(/ENOTFOUND|EAI_AGAIN/);
  });
});

describe('a server that', () => {
  const trusted = createAuthority('an authority we trust');
  const stranger = createAuthority('unknown authority');
  const ago = (hours: number) => new Date(Date.now() - hours * 3_600_000);
  const asUsual = tls.getCACertificates('default');

  beforeAll(() => tls.setDefaultCACertificates([...asUsual, trusted.cert]));
  afterAll(() => tls.setDefaultCACertificates(asUsual));

  const json = { 'content-type': 'application/json' };
  const tlsServer = async (certificate: { readonly cert: string; readonly key: string }) =>
    keep(await serve((_, response) => response.writeHead(200, json).end('{"id":5}'), certificate));

  it('authenticates itself receives the token', async () => {
    const server = await tlsServer(trusted.issue(['localhost']));
    await get(transportTo(`https://localhost:${server.port}/3`));
    expect(server.seen).toEqual([`GET /3/movie/5 Bearer ${canary}`]);
  });

  it.each([
    ['has a certificate of an unknown authority', stranger.issue(['localhost']), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['has a certificate for another name', trusted.issue(['api.example.org']), 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['has an expired certificate', trusted.issue(['localhost'], { from: ago(48), to: ago(1) }), 'CERT_HAS_EXPIRED'],
    [
      'has a certificate that is not valid yet',
      trusted.issue(['localhost'], { from: ago(-1), to: ago(-48) }),
      'CERT_NOT_YET_VALID',
    ],
  ])('[P16 R34 S4] %s receives nothing, and ends the stage', async (_, certificate, code) => {
    const server = await tlsServer(certificate);
    const clock = new ManualClock();
    const stage = keep(new FetcherStage({ baseUrl: `https://localhost:${server.port}/3`, clock }));
    const failure = await stage.finish(stage.run([5, 6, 7])).catch((error) => error);
    expect(failure).toBeInstanceOf(UntrustedServerError);
    expect(failure).toMatchObject({ retriable: false, exitCode: 1 });
    expect(failure.message).toContain(code);
    expect(failure.message).toContain('NODE_EXTRA_CA_CERTS');
    expect(stage.tmdb.counts().requests).toBe(1);
    expect(server.seen).toEqual([]);
    expect(stage.parked).toEqual([]);
  });

  it('[R34] is replaced by an untrusted one while the stage runs ends the stage, with nothing parked', async () => {
    const clock = new ManualClock();
    const first = await tlsServer(trusted.issue(['localhost']));
    const { port } = first;
    const stage = keep(new FetcherStage({ baseUrl: `https://localhost:${port}/3`, clock }));
    await stage.finish(stage.run([5]));
    await first[Symbol.asyncDispose]();
    const second = keep(await serve(() => {}, stranger.issue(['localhost']), port));
    await expect(stage.finish(stage.run([6, 7, 8]))).rejects.toThrow(UntrustedServerError);
    expect(second.seen).toEqual([]);
    expect(stage.parked).toEqual([]);
  });
});

describe('one deadline for the whole exchange', () => {
  const head = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 60000\r\n\r\n';

  /** Sends `text` byte by byte, one every 20 ms, without end. */
  const drip = async (socket: Socket, text: string) => {
    for (let at = 0; !socket.destroyed; at += 1) {
      socket.write(text[at % text.length] ?? '');
      await delay(20);
    }
  };

  it.each([
    ['nothing at all', async () => {}],
    ['its headers byte by byte', (socket: Socket) => drip(socket, head)],
    [
      'its body byte by byte',
      async (socket: Socket) => {
        socket.write(head);
        await drip(socket, ' ');
      },
    ],
    [
      'interim responses without end',
      async (socket: Socket) => {
        await drip(socket, 'HTTP/1.1 100 Continue\r\n\r\n');
      },
    ],
  ])('[R35] ends the exchange with a server that sends %s', async (_, misbehave) => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => void misbehave(socket));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const timeoutMs = 400;
    const startedAt = performance.now();
    const failure = await get(transportTo(`http://127.0.0.1:${port}/3`, { timeoutMs })).catch((error) => error);
    const tookMs = performance.now() - startedAt;
    server.close();
    expect(failure).toMatchObject({ name: 'UnusableAnswerError', retriable: true });
    expect(failure.message).toContain('no complete answer within 400 ms');
    expect(tookMs).toBeGreaterThan(timeoutMs - 50);
    expect(tookMs).toBeLessThan(timeoutMs + 1_000);
  });
});

describe('an answer that decompresses to far more than its size', () => {
  const size = 100_000_000;
  const packed = (encoding: string, body: Buffer) => async () =>
    keep(
      await serve((_, response) =>
        response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': encoding }).end(body),
      ),
    );

  /** The peak growth of this process's memory during `work`, in bytes. */
  const memoryDuring = async (work: () => Promise<void>): Promise<number> => {
    const before = process.memoryUsage.rss();
    let most = before;
    const timer = setInterval(() => {
      most = Math.max(most, process.memoryUsage.rss());
    }, 2);
    try {
      await work();
    } finally {
      clearInterval(timer);
    }
    return Math.max(most, process.memoryUsage.rss()) - before;
  };

  const zeros = Buffer.alloc(size);
  const brotliFast = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };
  it.each([
    ['gzip', packed('gzip', gzipSync(zeros))],
    ['brotli', packed('br', brotliCompressSync(zeros, brotliFast))],
    ['zstd', packed('zstd', zstdCompressSync(zeros))],
    ['gzip in gzip', packed('gzip, gzip', gzipSync(gzipSync(zeros)))],
    ['gzip that is not declared', packed('identity', gzipSync(zeros))],
    ['gzip in gzip, one of them not declared', packed('gzip', gzipSync(gzipSync(zeros)))],
    ['zlib that is not declared', packed('identity', deflateSync(zeros))],
    ['zstd that is not declared', packed('identity', zstdCompressSync(zeros))],
    ['ten gigabytes of gzip', async () => keep(await startSandbox({ faults: [{ kind: 'bomb', bytes: 1e10 }] }))],
  ])('[R37 R68] (%s) is cut off at the cap, in little memory, and parked', async (_, start) => {
    const { port } = await start();
    const stage = keep(new FetcherStage({ baseUrl: `http://127.0.0.1:${port}/3`, clock: new ManualClock() }));
    const memory = await memoryDuring(() => stage.finish(stage.run([5])));
    expect(stage.parked).toEqual(['body_too_large']);
    expect(stage.tmdb.counts().requests).toBe(1);
    expect(memory).toBeLessThan(64_000_000);
  });

  it.each([6, 1_000, 5_000])('[R37] (%i nested codings) is refused before any of them is decoded', async (layers) => {
    const isMovie = (path: string | undefined) => path === '/3/movie/5';
    const server = keep(
      await serve((request, response) => {
        response.setHeader('content-type', 'application/json');
        if (!isMovie(request.url)) response.end('{"genres":[{"id":1,"name":"x"}]}');
        else response.setHeader('content-encoding', Array(layers).fill('gzip').join(', ')).end(gzipSync('{"id":5}'));
      }),
    );
    const stage = keep(new FetcherStage({ baseUrl: `http://127.0.0.1:${server.port}/3`, clock: new ManualClock() }));
    const memory = await memoryDuring(() => stage.finish(stage.run([5])));
    expect(stage.parked).toEqual(['attempts_exhausted']);
    expect(memory).toBeLessThan(64_000_000);
  });
});

describe('a redirect', () => {
  let elsewhere: HttpServer;

  beforeEach(async () => {
    elsewhere = keep(await serve((_, response) => response.end('{"id":5}')));
  });

  const targets: readonly (readonly [string, (own: number) => string])[] = [
    ['to another host', () => `http://127.0.0.1:${elsewhere.port}/3/movie/5`],
    ['to itself, forever', (own) => `http://127.0.0.1:${own}/3/movie/5`],
    ['to the service with the credentials of a machine', () => 'http://169.254.169.254/latest/meta-data/'],
    ['to a file', () => 'file:///etc/passwd'],
    ['to an empty address', () => ''],
  ];
  const cases = targets.flatMap(([where, target]) =>
    [301, 302, 303, 307, 308].map((status) => ({ where, target, status })),
  );

  it.each(cases)('[P16 R39] ($status, $where) is not followed, and the movie is parked', async ({ target, status }) => {
    const server: HttpServer = keep(
      await serve((request, response) => {
        if (request.url === '/3/movie/5') response.writeHead(status, { location: target(server.port) }).end();
        else response.setHeader('content-type', 'application/json').end('{"id":550}');
      }),
    );
    const stage = keep(new FetcherStage({ baseUrl: `http://127.0.0.1:${server.port}/3`, clock: new ManualClock() }));
    await stage.finish(stage.run([5]));
    expect(stage.parked).toEqual(['unexpected_status']);
    expect(server.seen.filter((seen) => seen === `GET /3/movie/5 Bearer ${canary}`)).toHaveLength(5);
    expect(elsewhere.seen).toEqual([]);
  });

  it.each(cases)(
    '[R39] ($status, $where) of every request counts as an outage of TMDb and parks nothing',
    async ({ target, status }) => {
      const server: HttpServer = keep(
        await serve((_, response) => response.writeHead(status, { location: target(server.port) }).end()),
      );
      const stage = keep(new FetcherStage({ baseUrl: `http://127.0.0.1:${server.port}/3`, clock: new ManualClock() }));
      await expect(stage.finish(stage.run([5, 6, 7]))).rejects.toBeInstanceOf(TmdbUnreachableError);
      expect(stage.parked).toEqual([]);
      expect(elsewhere.seen).toEqual([]);
    },
  );

  it('[R39] from HTTPS to HTTP is not followed either', async () => {
    const authority = createAuthority('an authority we trust');
    const asUsual = tls.getCACertificates('default');
    tls.setDefaultCACertificates([...asUsual, authority.cert]);
    try {
      const location = `http://127.0.0.1:${elsewhere.port}/3/movie/5`;
      const listener = serve(
        (_, response) => response.writeHead(302, { location }).end(),
        authority.issue(['localhost']),
      );
      const server = keep(await listener);
      expect((await get(transportTo(`https://localhost:${server.port}/3`))).status).toBe(302);
      expect(elsewhere.seen).toEqual([]);
    } finally {
      tls.setDefaultCACertificates(asUsual);
    }
  });
});
