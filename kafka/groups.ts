/** Names of the consumer groups of one deployment. */
export interface ConsumerGroups {
  /** Its committed offsets say which ids were fetched. */
  readonly movieDetails: string;
  /** Its committed offsets are only a hint for tools that show lag: the ledger says what was loaded. */
  readonly bronzeLoader: string;
  /** The beginning of the group of each replay, which exists only while the replay runs. */
  readonly bronzeReplay: string;
}

/** @param prefix as for the topics: two deployments on one cluster share no group. */
export const createGroups = (prefix: string): ConsumerGroups => ({
  movieDetails: `${prefix}movie-details`,
  bronzeLoader: `${prefix}bronze-loader`,
  bronzeReplay: `${prefix}bronze-replay`,
});
