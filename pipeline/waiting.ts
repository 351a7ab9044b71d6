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
export function tellWaits(context: Context, stage: string): (partitions: readonly AwaitedPartition[]) => void {
  const tell = tellChanges(context, stage);
  let since: number | null = null;
  return (partitions) => {
    const now = systemClock.monotonic();
    since = partitions.length === 0 ? null : (since ?? now);
    if (since === null || now - since < graceMs) return;
    const key = partitions.map((one) => `${partitionKey(one)} ${one.owner}`).join();
    tell(key, () => describeWait(partitions));
  };
}

/**
 * Reports the wait of a stage for processes of an older version, which read as its former group.
 * @param stage such as `load`. @param former the name of that group.
 * @returns a function to call with the members of that group at each check.
 */
export function tellOlderVersion(
  context: Context,
  stage: string,
  former: string,
): (members: readonly string[]) => void {
  const tell = tellChanges(context, stage);
  return (members) => {
    const names = members.toSorted().join(', ');
    tell(names, () => `${names}: an older version, which reads as group ${former}. End it; ${stage} then resumes`);
  };
}

/** @returns a function that reports each wait with a new key at once, and one with the same key now and then. */
function tellChanges({ progress }: Context, stage: string): (key: string, wait: () => string) => void {
  let told: string | null = null;
  let toldAt = Number.NEGATIVE_INFINITY;
  return (key, wait) => {
    const now = systemClock.monotonic();
    if (key === told && now - toldAt < repeatMs) return;
    [told, toldAt] = [key, now];
    progress.wait(`${stage.padEnd(8)} waits for ${wait()}`);
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
