import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messageOf, UsageError } from './errors.ts';
import type { ListenAddress } from './settings.ts';

/**
 * Starts to listen.
 * @param setting the variable that names the address. @returns `http://host:port`, with the actual port.
 * @throws UsageError if the address cannot be used.
 */
export async function listen(server: Server, { host, port }: ListenAddress, setting: string): Promise<string> {
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    throw new UsageError(`${setting}: cannot listen on ${host}:${port}: ${messageOf(error)}`);
  }
  const { port: actual } = server.address() as AddressInfo;
  return `http://${host.includes(':') ? `[${host}]` : host}:${actual}`;
}
