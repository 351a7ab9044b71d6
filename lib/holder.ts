import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { z } from 'zod';
import { escapeControls } from './escape-controls.ts';
import { processIdentity } from './process-identity.ts';

/**
 * A process that holds what others wait for (a lease, a lock, a claim), written where they can read it. A process of the same
 * place can look whether it still runs; any other has to wait until the lease is over.
 */
export const Holder = z.object({
  host: z.string(),
  /** Where its pid means something: one boot of one kernel, and one namespace of pids in it (a container has its own). */
  place: z.string(),
  pid: z.int().positive(),
  /** See `processIdentity`; empty where it is unknown. */
  identity: z.string(),
});
export type Holder = z.infer<typeof Holder>;

const ownPlace = ((): string => {
  if (process.platform !== 'linux') return hostname();
  try {
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${bootId} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    // No such /proc: by its name alone a container could be taken for another one, so no one is looked at.
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

/** Whether this process can look at the holder; if not, only time tells. */
export const canLookAt = ({ place, identity }: Holder): boolean => place === ownPlace && identity !== '';

/** Whether the holder is known to have ended. Of one that cannot be looked at it is never known. */
export const isGone = (holder: Holder): boolean => canLookAt(holder) && processIdentity(holder.pid) !== holder.identity;

/** The holder that a text or a file names; null when it names none, such as one that is half written. */
export function parseHolder(text: string): Holder | null {
  try {
    return Holder.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/** For a person: `process 42 on host-a`. */
export const describeHolder = ({ host, pid }: Holder): string => `process ${pid} on ${escapeControls(host)}`;
