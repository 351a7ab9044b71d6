import { isIP } from 'node:net';
import { bareHost, isPrivate } from './addresses.ts';

/** Names that no public resolver answers. A name without a dot belongs to this network, such as a service of a compose file. */
const privateName = /^[^.]+$|\.(?:localhost|local|internal|home\.arpa)$/;

/**
 * Whether credentials for this host may be sent unencrypted: it is loopback, in a private network, or allowed by name.
 * @param host a name, or an address, with or without IPv6's brackets. @param allowed names or addresses.
 */
export function mayBeCleartext(host: string, allowed: readonly string[]): boolean {
  const bare = bareHost(host);
  if (allowed.some((name) => name.toLowerCase() === bare)) return true;
  return isIP(bare) === 0 ? privateName.test(bare) : isPrivate(bare);
}
