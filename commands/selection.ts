import { type FromOffsets, movieIdOf, type Selection } from '../kafka/selection.ts';
import { UsageError } from '../runtime/errors.ts';
import { listOf, timeOf, type Values } from './command.ts';

/** The options that say which records of a topic are meant. */
export const selectionOptions = {
  all: { type: 'boolean' },
  since: { type: 'string' },
  until: { type: 'string' },
  'from-offset': { type: 'string', multiple: true },
  movie: { type: 'string', multiple: true },
} as const;

export const selectionHelp = `  --all                          every record that is in the topic now
  --since TIME                   written at TIME or later: ISO 8601 (UTC unless it says otherwise) or an age such as 2h
  --until TIME                   written before TIME
  --from-offset [PARTITION:]N    from offset N of every partition, or of that one; may be repeated. When only partitions
                                 are named, the others are left out
  --movie ID                     of this movie; may be repeated`;

/**
 * @param now milliseconds since the epoch, what ages are counted from.
 * @throws UsageError when nothing is selected, or something that makes no sense.
 */
export function parseSelection(values: Values, now: number): Selection {
  const since = timeOf(values, 'since', now);
  const until = timeOf(values, 'until', now);
  if (since !== undefined && until !== undefined && since >= until) {
    throw new UsageError('--since has to be before --until');
  }
  const fromOffsets = fromOffsetsOf(listOf(values, 'from-offset'));
  const movies = listOf(values, 'movie').map(movieOf);
  const selection = {
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
    ...(fromOffsets && { fromOffsets }),
    ...(movies.length > 0 && { movies: new Set(movies) }),
  };
  const isNarrowed = Object.keys(selection).length > 0;
  if (values['all'] && isNarrowed) throw new UsageError('--all goes with no other selection');
  if (!values['all'] && !isNarrowed) {
    throw new UsageError(
      'which records? --all, or --since, --until, --from-offset and --movie (those that all hold for)',
    );
  }
  return selection;
}

/** The selection as it is written on the command line, the same for the same one whatever the order was. */
export function selectionText(values: Values): string {
  const words = Object.keys(selectionOptions).flatMap((name) => {
    if (values[name] === true) return [`--${name}`];
    return listOf(values, name)
      .toSorted()
      .map((value) => `--${name} ${value}`);
  });
  return words.join(' ');
}

function movieOf(text: string): number {
  const movieId = movieIdOf(text);
  if (movieId !== null) return movieId;
  throw new UsageError(`--movie takes the number of a movie, not "${text}"`);
}

function fromOffsetsOf(texts: readonly string[]): FromOffsets | undefined {
  if (texts.length === 0) return undefined;
  const partitions = new Map<number, bigint>();
  let others: bigint | undefined;
  for (const text of texts) {
    const [, partition, offset] = /^(?:(\d{1,6}):)?(\d{1,19})$/.exec(text) ?? [];
    if (offset === undefined) {
      throw new UsageError(`--from-offset takes OFFSET or PARTITION:OFFSET, such as 2:1500, not "${text}"`);
    }
    if (partition === undefined) others = BigInt(offset);
    else partitions.set(Number(partition), BigInt(offset));
  }
  return { partitions, ...(others !== undefined && { others }) };
}
