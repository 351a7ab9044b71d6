import { PreconditionError } from '../runtime/errors.ts';
import type { TopicId } from './warehouse.ts';

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

/** @throws PreconditionError if a loader has loaded records of either topic since the comparison. */
export function refuseMovedPositions(
  { from, to, positions }: Adoption,
  ofFrom: ReadonlyMap<number, bigint>,
  ofTo: ReadonlyMap<number, bigint>,
): void {
  if (ofTo.size > 0) throw alreadyLoaded(to);
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
