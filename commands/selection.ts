import type { FromOffsets, Selection } from '../replay/selection.ts';
import { UsageError } from '../runtime/errors.ts';
import { flag, type OptionsOf, repeated, single } from './engine/option.ts';
import { type FromOffset, fromOffset, moment, movieId, spanOf } from './engine/value-types.ts';

/** The options that select records of a topic. */
export const selectionOptions = {
  all: flag('every record that is in the topic now'),
  since: single(moment, 'written at TIME or later: ISO 8601 (in UTC without a zone), or an age such as 2h'),
  until: single(moment, 'written before TIME'),
  fromOffset: repeated(
    fromOffset,
    'from this offset on in every partition, or PARTITION:N for one partition; may be repeated. If you name only partitions, ' +
      'the others are left out',
  ),
  movie: repeated(movieId, 'of this movie; may be repeated'),
};

export type SelectionOptions = OptionsOf<typeof selectionOptions>;

/** Follows the description of each command with a selection. */
export const selectionHelp =
  'Select records with --all, or with one or more of --since, --until, --from-offset and --movie: a record is selected if ' +
  'it matches all of them.';

/**
 * @param now milliseconds since the epoch, from which ages are counted.
 * @throws UsageError if nothing is selected, or the selection is invalid.
 */
export function selectionOf({ all, ...options }: SelectionOptions, now: number): Selection {
  const fromOffsets = fromOffsetsOf(options.fromOffset);
  const selection = {
    ...spanOf(options, now),
    ...(fromOffsets && { fromOffsets }),
    ...(options.movie.length > 0 && { movies: new Set(options.movie) }),
  };
  const isNarrowed = Object.keys(selection).length > 0;
  if (all && isNarrowed) throw new UsageError('--all cannot be combined with another selection');
  if (!all && !isNarrowed) {
    throw new UsageError(
      'no records selected: give --all, or one or more of --since, --until, --from-offset and --movie',
    );
  }
  return selection;
}

/** The selection as command-line options in a fixed order, so that equal selections have equal texts. */
export function selectionText({ all, since, until, fromOffset: offsets, movie }: SelectionOptions): string {
  return [
    ...(all ? ['--all'] : []),
    ...(since ? [`--since ${since.text}`] : []),
    ...(until ? [`--until ${until.text}`] : []),
    ...offsets.map((from) => `--from-offset ${textOf(from)}`).toSorted(),
    ...movie.map((id) => `--movie ${id}`).toSorted(),
  ].join(' ');
}

const textOf = ({ partition, offset }: FromOffset): string =>
  partition === undefined ? `${offset}` : `${partition}:${offset}`;

function fromOffsetsOf(given: readonly FromOffset[]): FromOffsets | undefined {
  if (given.length === 0) return undefined;
  const partitions = new Map<number, bigint>();
  let others: bigint | undefined;
  for (const { partition, offset } of given) {
    if (partition === undefined) others = offset;
    else partitions.set(partition, offset);
  }
  return { partitions, ...(others !== undefined && { others }) };
}
