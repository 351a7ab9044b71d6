import { BlockList, isIP } from 'node:net';

/** A network: its address, and how many of its bits count. */
type Network = readonly [address: string, bits: number];

const kindOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 4 ? 'ipv4' : 'ipv6');

/**
 * Returns a test for addresses in these networks. An IPv4 address that is written as IPv6 (`::ffff:10.0.0.1`) counts as IPv4.
 * A text that is no address is in no network. @throws if a network is not valid.
 */
export function addressesIn(networks: readonly Network[]): (address: string) => boolean {
  const list = new BlockList();
  for (const [address, bits] of networks) list.addSubnet(address, bits, kindOf(address));
  return (address) => isIP(address) !== 0 && list.check(address, kindOf(address));
}

const loopback: readonly Network[] = [
  ['127.0.0.0', 8],
  ['::1', 128],
];

/** Addresses of this machine. */
export const isLoopback = addressesIn(loopback);

/** Addresses that only this machine or a private network can reach: RFC 1918, 6598, 3927, 4193, 4291. */
export const isPrivate = addressesIn([
  ...loopback,
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
  ['100.64.0.0', 10],
  ['fc00::', 7],
  ['fe80::', 10],
]);

/** A host in lower case, without the brackets of an IPv6 address and without the dot that ends a full name. */
export const bareHost = (host: string): string =>
  host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '');
