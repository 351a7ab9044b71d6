import { serviceNames } from '../runtime/service-names.ts';

/** Names of the consumer groups of one deployment. */
export interface ConsumerGroups {
  /** Its committed offsets say which ids were fetched. */
  readonly fetcher: string;
  /** The same for the ids of the backfill. The fetchers are members of both groups, because each member of a group reads the same topics. */
  readonly fetcherBackfill: string;
  /** Its committed offsets are only a hint for tools that show lag: the ledger says what was loaded. */
  readonly loader: string;
  /** The beginning of the group of each replay, which exists only while the replay runs. */
  readonly replayRaw: string;
}

/** Names that these groups had in older versions. */
export type FormerGroups = Pick<ConsumerGroups, 'fetcher' | 'loader'>;

/** A cluster has no other namespace for groups, and `loader` alone may be the group of another program. */
const namespace = 'tmdb';

/** @param prefix as for the topics: two deployments on one cluster share no group. */
export const createGroups = (prefix: string): ConsumerGroups => ({
  fetcher: `${prefix}${namespace}.${serviceNames.fetcher}`,
  fetcherBackfill: `${prefix}${namespace}.${serviceNames.fetcher}-backfill`,
  loader: `${prefix}${namespace}.${serviceNames.loader}`,
  replayRaw: `${prefix}${namespace}.replay-raw`,
});

/** @param prefix as above: older versions had it too. */
export const createFormerGroups = (prefix: string): FormerGroups => ({
  fetcher: `${prefix}movie-details`,
  loader: `${prefix}bronze-loader`,
});
