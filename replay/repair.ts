import { z } from 'zod';
import { publishInGroups } from '../kafka/publish-in-groups.ts';
import type { Sink } from '../kafka/topic.ts';
import type { Context } from '../platform/context.ts';
import type { Platform } from '../platform/platform.ts';
import { idRecord } from '../producers/id-record.ts';
import { systemClock } from '../runtime/clock.ts';
import { count, type ValueOf } from '../runtime/shape.ts';
import type { MovieId } from '../schemas/records.ts';
import { transform } from '../transform/transform.ts';
import { findDamage, type KeysToReplace } from './damage.ts';
import { rebuildBronze } from './raw.ts';

/** What a repair found, and did or would do. */
export const repairedShape = z.object({
  isDryRun: z.boolean().describe('whether nothing was changed'),
  badKeys: count.describe(
    'keys of the topic of ids whose newest record is refused; keys of a movie get a correct record, the others a tombstone',
  ),
  refusedRecords: count.describe('records of the raw topics that are refused; the loader parks them'),
  rowsToPark: count.describe(
    'rows of BRONZE that an older version made from such records; a rebuild parks the records and drops the rows',
  ),
  rowsLeftOut: count.describe(
    'rows of BRONZE that SILVER ignores: an impossible time, or a movie id below 1; includes rows to park',
  ),
  movies: count.describe('movies to fetch again: one request to TMDb for each, by "fetch"'),
  fullRefresh: z.boolean().describe('whether SILVER and GOLD are built from scratch'),
});
export type Repaired = ValueOf<typeof repairedShape>;

/**
 * Repairs the damage by records with a wrong key, wrong ids or a time in the future, in topics, BRONZE, SILVER and GOLD. Finds
 * it by the same rules as the stages, and changes nothing else. If it is interrupted, run it again. The stages may run meanwhile.
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
  const { badKeys, refusedRecords, rowsToPark, rowsLeftOut, movies, keys } = damage;
  const repaired = { isDryRun, badKeys, refusedRecords, rowsToPark, rowsLeftOut, movies: movies.size, fullRefresh };
  if (isDryRun) return repaired;
  const { cluster } = await platform.kafka();
  // First, so that an interrupted repair has already requested all of them: the next repair finds fewer.
  for (const { topic, ...ofTopic } of keys) {
    await replaceKeys(cluster.sink(topic), { ...ofTopic, now }, context.signal);
  }
  // From scratch: an unfinished rebuild may contain rows of records that the present rules refuse.
  if (rowsToPark > 0) await rebuildBronze(platform, context, { restart: true, isDryRun: false });
  // Ignored rows need only the build that is due anyway, as after an update of these rules.
  if (fullRefresh || rowsLeftOut > 0) await transform(context, { fullRefresh });
  return repaired;
}

interface Keys extends Pick<KeysToReplace, 'movies' | 'otherKeys'> {
  readonly now: number;
}

/** Compaction keeps the newest record of a key: a correct record replaces the wrong one for consumers and producers. */
async function replaceKeys(
  movieIds: Sink<MovieId | null>,
  { movies, otherKeys, now }: Keys,
  signal: AbortSignal,
): Promise<void> {
  const requestedAt = new Date(now);
  const records = [
    ...[...movies].map((movieId) => idRecord({ movieId, page: null, rank: null, reason: 'manual', requestedAt })),
    ...otherKeys.map((key) => ({ key, value: null })),
  ];
  await publishInGroups(movieIds, records, (group) => group, { signal });
}
