import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { z } from 'zod';
import { escapeControls } from './escape-controls.ts';
import { orNull } from './or-null.ts';
import { processIdentity } from './process-identity.ts';

/**
 * A process that holds a lease, lock or claim, recorded where waiting processes can read it. A process on the same machine
 * can check whether the holder still runs; any other has to wait until the lease expires.
 */
export const Holder = z.object({
  host: z.string(),
  /** The scope of its pid: one boot of one kernel, and one pid namespace (a container has its own). */
  place: z.string(),
  pid: z.int().positive(),
  /** See `processIdentity`; empty if it is unknown. */
  identity: z.string(),
});
export type Holder = z.infer<typeof Holder>;

const ownPlace = ((): string => {
  if (process.platform !== 'linux') return hostname();
  try {
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${bootId} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    // Without /proc, two containers with the same host name look alike, so no holder is checked.
    return `${hostname()} ${process.pid}`;
  }
})();

export const holderOf = (pid: number): Holder => ({
  host: hostname(),
  place: ownPlace,
  pid,
  identity: processIdentity(pid) ?? '',
});

/** This process. */
export const ownHolder = (): Holder => holderOf(process.pid);

/** Whether this process can check the holder. If not, the lease has to expire. */
export const canLookAt = ({ place, identity }: Holder): boolean => place === ownPlace && identity !== '';

/** Whether the holder is known to have ended; always false if this process cannot check it. */
export const isGone = (holder: Holder): boolean => canLookAt(holder) && processIdentity(holder.pid) !== holder.identity;

export const sameHolder = (one: Holder, other: Holder): boolean =>
  one.place === other.place && one.pid === other.pid && one.identity === other.identity;

/** The holder in a text or a file; null if there is none, for example because the file is not completely written yet. */
export const parseHolder = (text: string): Holder | null => orNull(() => Holder.parse(JSON.parse(text)));

/** For messages: `process 42 on host-a`. */
export const describeHolder = ({ host, pid }: Holder): string => `process ${pid} on ${escapeControls(host)}`;
