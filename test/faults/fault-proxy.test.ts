import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FaultProxy } from '../support/network/fault-proxy.ts';
import {
  bandwidth,
  blackHole,
  down,
  latency,
  limitData,
  resetPeer,
  slicer,
  tamper,
} from '../support/network/toxics.ts';

describe('the fault proxy', () => {
  let server: Server;
  let proxy: FaultProxy;
  let clients: Socket[];

  beforeEach(async () => {
    server = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy = await FaultProxy.start(`127.0.0.1:${(server.address() as AddressInfo).port}`);
    clients = [];
  });
  afterEach(async () => {
    for (const client of clients) client.destroy();
    await proxy[Symbol.asyncDispose]();
    server.close();
  });

  /** Opens a client that records the text that it receives, and the error that ends it. */
  const open = async () => {
    const socket = connect(proxy.port, '127.0.0.1');
    const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
    const client = { socket, closed, received: '', chunks: 0, error: '' };
    clients.push(socket);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      client.error = error.code ?? '';
    });
    socket.on('data', (data) => {
      client.received += data;
      client.chunks += 1;
    });
    await once(socket, 'connect');
    return client;
  };
  const echoed = (client: { received: string }, text: string) =>
    vi.waitFor(() => expect(client.received).toBe(text), { timeout: 20_000, interval: 10 });

  it('forwards everything while there is no fault', async () => {
    const client = await open();
    const text = 'x'.repeat(3_000_000);
    client.socket.write(text);
    await echoed(client, text);
    client.socket.end();
    await client.closed;
  });

  it('delays data without changing its order', async () => {
    const client = await open();
    const started = performance.now();
    await proxy.during(latency(100, 50), async () => {
      for (const letter of 'abc') client.socket.write(letter);
      await echoed(client, 'abc');
    });
    expect(performance.now() - started).toBeGreaterThan(100);
  });

  it('splits data into slices, and limits the bandwidth', async () => {
    const client = await open();
    await proxy.during(slicer(2, 1), async () => {
      client.socket.write('abcdef');
      await echoed(client, 'abcdef');
    });
    expect(client.chunks).toBeGreaterThan(1);
    const started = performance.now();
    await proxy.during(bandwidth(2_000), async () => {
      client.socket.write('x'.repeat(1_000));
      await vi.waitFor(() => expect(client.received).toHaveLength(1_006), { timeout: 20_000 });
    });
    expect(performance.now() - started).toBeGreaterThan(450);
  });

  it('drops bytes, and at the end of the fault cuts the connections that have lost bytes', async () => {
    const client = await open();
    const toxic = blackHole();
    await proxy.during(toxic, async () => {
      client.socket.write('lost');
      await vi.waitUntil(() => toxic.injections > 0, { timeout: 20_000, interval: 10 });
    });
    await client.closed;
    expect(client).toMatchObject({ received: '', error: 'ECONNRESET' });
  });

  it('resets connections', async () => {
    const client = await open();
    await proxy.during(resetPeer(), async () => {
      client.socket.write('x');
      await client.closed;
    });
    expect(client.error).toBe('ECONNRESET');
  });

  it('ends a connection in the middle of a message', async () => {
    const client = await open();
    await proxy.during(limitData(3), async () => {
      client.socket.write('abcdef');
      await client.closed;
    });
    expect(client.error).toBe('');
    expect('abc').toContain(client.received);
  });

  it('refuses connections, and accepts them again afterwards', async () => {
    const before = await open();
    await proxy.during(down(), async () => {
      await expect(open()).rejects.toThrow('ECONNREFUSED');
    });
    expect(before.error).toBe('ECONNRESET');
    const after = await open();
    after.socket.write('back');
    await echoed(after, 'back');
  });

  it('lets a test lose exactly one reply', async () => {
    const client = await open();
    const lost = tamper('one reply', ({ bytes, direction }) =>
      direction === 'down' && lost.injections === 0 ? 'reset' : bytes,
    );
    await proxy.during(lost, async () => {
      client.socket.write('first');
      await client.closed;
      const next = await open();
      next.socket.write('second');
      await echoed(next, 'second');
    });
    expect(lost.injections).toBe(1);
  });

  it('fails a test whose fault never occurred', async () => {
    await expect(proxy.during(resetPeer(), async () => {})).rejects.toThrow('injected nothing');
  });
});
