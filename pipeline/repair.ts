import { systemClock } from '../lib/clock.ts';
import type { Sink } from '../lib/kafka/topic.ts';
import { movieIdCodec } from '../schemas/codecs.ts';
import type { MovieId } from '../schemas/records.ts';
import { topics } from '../schemas/topics.ts';
import type { Context, Platform } from './platform.ts';
import { findDamage } from './repair-damage.ts';
import { rebuildBronze } from './replay-raw.ts';
import { transform } from './transform.ts';

/** What a repair found, and did or would do. */
export interface Repaired {
  /** Keys of `tmdb.movie-ids` whose newest record is refused. Those of a movie get a right record, the others a tombstone. */
  readonly badKeys: number;
  /** Records of the raw topics that are refused; the loader parks them. */
  readonly refusedRecords: number;
  /** Rows of BRONZE that such records became before they were refused. A rebuild parks the records, and the rows go. */
  readonly rowsToPark: number;
  /** Rows of BRONZE that SILVER leaves out: a time that cannot be true, or a movieId below 1. Those to be parked among them. */
  readonly rowsLeftOut: number;
  /** Movies that are to be asked for again: one request to TMDb each, by `fetch`. */
  readonly movies: number;
  /** Whether SILVER and GOLD are built from scratch. */
  readonly fullRefresh: boolean;
}

/**
 * Undoes what records with a wrong key, wrong ids or a time in the future have done, in topics, BRONZE, SILVER and GOLD: finds
 * it by the rules that the stages go by, and leaves everything else alone. Interrupted, run it again. The stages may run.
 * @throws KafkaError, RebuildError, WarehouseUnavailableError, DbtError, or the signal's reason.
 */
export async function repair(
  platform: Platform,
  context: Context,
  { isDryRun }: { readonly isDryRun: boolean },
): Promise<Repaired> {
  const now = systemClock.now();
  const damage = await findDamage(platform, context, now);
  const fullRefresh = damage.rowsToPark > 0 || damage.isSilverAhead;
  const { badKeys, refusedRecords, rowsToPark, rowsLeftOut, movies, otherKeys } = damage;
  const repaired = { badKeys, refusedRecords, rowsToPark, rowsLeftOut, movies: movies.size, fullRefresh };
  if (isDryRun) return repaired;
  const { producer } = await platform.kafka();
  // First, so that a repair that is interrupted later has asked for all of them: what it finds then is less.
  await replaceKeys(producer.sink(topics.movieIds, movieIdCodec), { movies, otherKeys, now }, context.signal);
  // From scratch: a rebuild that was begun may hold rows of records that are refused today.
  if (rowsToPark > 0) await rebuildBronze(platform, context, { restart: true, isDryRun: false });
  // Rows that are left out need no more than what is due anyway, as after an update to these rules.
  if (fullRefresh || rowsLeftOut > 0) await transform(context, { fullRefresh });
  return repaired;
}

interface Keys {
  readonly movies: ReadonlySet<number>;
  readonly otherKeys: readonly Buffer[];
  readonly now: number;
}

/** Some at a time, so that a signal is heeded soon. */
const atOnce = 1_000;

/** Compaction keeps the newest record of a key: a right one takes the place of the other, for consumers and producers alike. */
async function replaceKeys(
  movieIds: Sink<MovieId | null>,
  { movies, otherKeys, now }: Keys,
  signal: AbortSignal,
): Promise<void> {
  const requestedAt = new Date(now);
  const records = [
    ...[...movies].map((movieId) => {
      const value = { movieId, page: null, rank: null, reason: 'manual' as const, requestedAt };
      return { key: String(movieId), value };
    }),
    ...otherKeys.map((key) => ({ key, value: null })),
  ];
  for (let from = 0; from < records.length; from += atOnce) {
    signal.throwIfAborted();
    await movieIds.publish(records.slice(from, from + atOnce));
  }
}
