import { statSync, utimesSync } from 'node:fs';
import { type Lease, leases } from './leases.ts';
import { orNull } from './or-null.ts';

/**
 * Touches a file twice a second: other processes see that its owner runs. It does not fail if they have removed the file, because this
 * process was suspended for seconds and looked dead. @returns a function that ends it.
 */
export function keepTouching(file: string): () => void {
  const timer = setInterval(() => orNull(() => utimesSync(file, new Date(), new Date())), 500);
  timer.unref();
  return () => clearInterval(timer);
}

/** How long (ms) a touched file remains valid if its owner was killed. */
export function lapsesInMs(file: string, lease: Lease): number {
  const touchedAt = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
  return touchedAt === undefined ? 0 : leases[lease] - (Date.now() - touchedAt);
}
