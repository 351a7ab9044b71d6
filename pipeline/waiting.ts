import { type AwaitedPartition, partitionKey } from '../kafka/topic.ts';
import type { Context } from '../platform/context.ts';
import { systemClock } from '../runtime/clock.ts';

/** Shorter waits (ms), for example while a member joins its group, are not reported. */
const graceMs = 1_500;
/** The same wait is reported again after this time (ms), with the remaining records. */
const repeatMs = 10_000;
const shownPartitions = 3;

/**
 * Reports the wait of a command for other processes, and names those processes.
 * @param stage such as `load`.
 * @returns a function to call with the partitions at each check; it reports changes at once and the same state now and then.
 */
export function tellWaits({ progress }: Context, stage: string): (partitions: readonly AwaitedPartition[]) => void {
  let told = '';
  let toldAt = Number.NEGATIVE_INFINITY;
  let since: number | null = null;
  return (partitions) => {
    const now = systemClock.monotonic();
    since = partitions.length === 0 ? null : (since ?? now);
    if (since === null || now - since < graceMs) return;
    const key = partitions.map((one) => `${partitionKey(one)} ${one.owner}`).join();
    if (key === told && now - toldAt < repeatMs) return;
    [told, toldAt] = [key, now];
    progress.wait(`${stage.padEnd(8)} waits for ${describeWait(partitions)}`);
  };
}

/** `process 42 on host-a: 12 records of tmdb.raw-movies/0, ...`. Offsets count as records, so it is an upper bound. */
function describeWait(partitions: readonly AwaitedPartition[]): string {
  const byOwner = Map.groupBy(partitions, ({ owner }) => owner ?? 'a new member of the group to take over');
  return [...byOwner]
    .map(([owner, theirs]) => {
      const left = theirs.reduce((sum, one) => sum + one.left, 0n);
      const names = theirs.slice(0, shownPartitions).map(partitionKey);
      const more = theirs.length > shownPartitions ? ` and ${theirs.length - shownPartitions} more` : '';
      return `${owner}: ${left} records of ${names.join(', ')}${more}`;
    })
    .join('; ');
}
