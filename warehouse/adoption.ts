import { PreconditionError } from '../runtime/errors.ts';
import type { TopicId } from './warehouse.ts';

/** The position that an adoption leaves in each partition of the former topic: beyond every offset, so that nothing can be loaded from there. */
export const fencePosition = 9_223_372_036_854_775_807n;

/** Some readers return large numbers rounded, and this one is rounded up. */
export const isFence = (next: bigint): boolean => next >= fencePosition;

/** @returns the stored positions. @throws PreconditionError if another cluster continues the topic. */
export function refuseFormerTopic(
  { topic, clusterId }: TopicId,
  positions: ReadonlyMap<number, bigint>,
): ReadonlyMap<number, bigint> {
  if (![...positions.values()].some(isFence)) return positions; // mutant: adoption.former-cluster
  throw new PreconditionError(
    `BRONZE continues ${topic} on the cluster that has replaced ${clusterId}: set KAFKA_BROKERS to the new cluster. If you have moved back ` +
      'to this one, stop all loaders, and run "warehouse adopt-cluster" here',
  );
}

/** A topic of another cluster has the same records at the same offsets as one that was loaded. */
export interface Adoption {
  /** As the ledger has it. */
  readonly from: TopicId;
  readonly to: TopicId;
  /** The positions up to which both were compared. */
  readonly positions: ReadonlyMap<number, bigint>;
}

export const areSamePositions = (a: ReadonlyMap<number, bigint>, b: ReadonlyMap<number, bigint>): boolean =>
  a.size === b.size && [...a].every(([partition, next]) => b.get(partition) === next);

/** @param ofTo fences do not count: the adoption moves back. @throws PreconditionError if a loader has loaded records of either topic since the comparison. */
export function refuseMovedPositions(
  { from, to, positions }: Adoption,
  ofFrom: ReadonlyMap<number, bigint>,
  ofTo: ReadonlyMap<number, bigint>,
): void {
  if (![...ofTo.values()].every(isFence)) throw alreadyLoaded(to);
  if (areSamePositions(ofFrom, positions)) return; // mutant: adoption.compared-positions
  throw new PreconditionError(
    `a loader has loaded records of ${from.topic} of cluster ${from.clusterId} meanwhile: stop all loaders, and run the command again`,
  );
}

/** A loader began on the new cluster before it was adopted. */
export const alreadyLoaded = ({ topic, clusterId }: TopicId): PreconditionError =>
  new PreconditionError(
    `BRONZE already has records of ${topic} of cluster ${clusterId}: a loader has begun it from its first record. Stop all loaders, and ` +
      'restore a copy of the warehouse from before, or load the new cluster into a new warehouse',
  );
