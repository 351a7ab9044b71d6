import type { LetterFilter } from '../dead-letters/store.ts';
import { UsageError } from '../runtime/errors.ts';
import type { DeadLetterReason } from '../schemas/dead-letter-reasons.ts';
import { type Moment, spanOf } from './engine/value-types.ts';

/** The options that select dead letters. */
export interface LetterOptions {
  readonly reason: DeadLetterReason | undefined;
  readonly topic: string | undefined;
  readonly since: Moment | undefined;
  readonly until: Moment | undefined;
  readonly id: readonly string[];
}

/** @param now milliseconds since the epoch, from which ages are counted. @throws UsageError for an invalid filter. */
export function filterOf({ reason, topic, ...options }: LetterOptions, now: number): LetterFilter {
  return {
    ...(reason !== undefined && { reason }),
    ...(topic !== undefined && { topic }),
    ...spanOf(options, now),
    ...(options.id.length > 0 && { ids: new Set(options.id) }),
  };
}

/** @throws UsageError for an invalid filter. */
export const checkFilter = (options: LetterOptions, now: number): void => void filterOf(options, now);

/** @throws UsageError unless either a filter or --all is given. */
export function checkFilterOrAll({ all, ...options }: LetterOptions & { readonly all: boolean }, now: number): void {
  const isNarrowed = Object.keys(filterOf(options, now)).length > 0;
  if (isNarrowed && all) throw new UsageError('--all cannot be combined with filters');
  if (!isNarrowed && !all) {
    throw new UsageError(
      'no letters selected: give --all, or one or more of --reason, --topic, --since, --until and --id',
    );
  }
}
