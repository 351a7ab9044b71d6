import { createServer, type Server } from 'node:net';

/** Free ports of the loopback address. Another process can take one before its user does, so a server that finds it taken starts again. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(servers.map(listen));
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

const listen = (server: Server): Promise<number> =>
  new Promise((done, fail) => {
    server.once('error', fail).listen(0, '127.0.0.1', () => {
      const address = server.address();
      done(typeof address === 'object' && address ? address.port : 0);
    });
  });
