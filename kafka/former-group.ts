import type { Clock } from '../runtime/clock.ts';
import type { KafkaAdmin } from './cluster-admin.ts';
import { GroupInUseError } from './errors.ts';
import type { Commits } from './offset-committer.ts';

/** A consumer group, and the name that it had in older versions. */
export interface RenamedGroup {
  readonly group: string;
  /** Absent if older versions did not have the group. */
  readonly former?: string;
}

export interface TakeOverOptions {
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Called at each check with the members of the former group that it waits for. */
  readonly onWaiting: (members: readonly string[]) => void;
}

/** How often (ms) to check whether the former group still has members. */
const checkMs = 1_000;

/**
 * Copies what the former group has committed to partitions in which the group has committed nothing, so that an update repeats no work.
 * Call it before a member joins. Waits while the former group has members: both groups would receive every record. Resolves without
 * a copy when the signal aborts. Keeps the former group, for a return to the older version. @throws KafkaError
 */
export async function takeOverOffsets(
  admin: KafkaAdmin,
  names: Required<RenamedGroup>,
  topics: readonly string[],
  { signal, clock, onWaiting }: TakeOverOptions,
): Promise<void> {
  while (!signal.aborted) {
    const missing = await Promise.all(
      topics.map(async (topic) => {
        return { topic, commits: await notTakenOver(admin, names, topic, await admin.commits(names.group, topic)) };
      }),
    );
    if (missing.every(({ commits }) => commits.size === 0)) return;
    const members = await admin.members(names.former);
    if (members.length === 0) return copy(admin, names.group, missing);
    onWaiting(members);
    await clock.sleep(checkMs, signal).catch(() => {});
  }
}

/** What the group has committed; where it has committed nothing yet, what the former group has. @throws KafkaError */
export async function commitsWithFormer(admin: KafkaAdmin, names: RenamedGroup, topic: string): Promise<Commits> {
  const own = await admin.commits(names.group, topic);
  return new Map([...own, ...(await notTakenOver(admin, names, topic, own))]);
}

async function copy(
  admin: KafkaAdmin,
  group: string,
  missing: readonly { readonly topic: string; readonly commits: Commits }[],
): Promise<void> {
  try {
    for (const { topic, commits } of missing) if (commits.size > 0) await admin.replaceCommits(group, topic, commits);
  } catch (error) {
    // Another process of this version is a member now, and has copied everything before it joined.
    if (!(error instanceof GroupInUseError)) throw error;
  }
}

/**
 * The members of a group, for a person. None if the group does not exist or if this user may not see it: a request about such a group
 * would look like an outage of Kafka. @throws KafkaError
 */
export const membersIfVisible = async (admin: KafkaAdmin, group: string): Promise<readonly string[]> =>
  (await admin.groups()).includes(group) ? await admin.members(group) : [];

/** The commits of the former group in partitions that `own`, the commits of the group, lacks. */
async function notTakenOver(
  admin: KafkaAdmin,
  { former }: RenamedGroup,
  topic: string,
  own: Commits,
): Promise<Commits> {
  if (former === undefined) return new Map();
  const { high } = await admin.topicOffsets(topic);
  const isMissing = (partition: number) => high.has(partition) && !own.has(partition);
  if (![...high.keys()].some(isMissing)) return new Map();
  // Without the right to see it, a group is not listed, see `membersIfVisible`.
  if (!(await admin.groups()).includes(former)) return new Map();
  return new Map([...(await admin.commits(former, topic))].filter(([partition]) => isMissing(partition)));
}
