import type { Commits } from './offset-committer.ts';
import type { Offsets, PartitionOwner } from './topic.ts';
import type { TopicFinding } from './topic-preconditions.ts';
import type { TopicSettings } from './topic-settings.ts';

/** Per partition the first offset that is still in the topic, and the one after the last. */
export interface TopicOffsets {
  readonly low: Offsets;
  readonly high: Offsets;
}

/** Topics, groups and offsets of the cluster. Every method throws KafkaError if Kafka is out of reach. */
export interface KafkaAdmin extends AsyncDisposable {
  /** Creates missing topics and leaves existing ones unchanged. @returns the created topics. */
  ensureTopics(settings: TopicSettings): Promise<readonly string[]>;
  /** Our topics that do not exist. */
  missingTopics(): Promise<readonly string[]>;
  /** Preconditions of our guarantees that existing topics do not meet. Changes nothing. */
  examineTopics(settings: TopicSettings): Promise<readonly TopicFinding[]>;
  /** Applies the fixes in `findings`, and changes nothing else. */
  applyFixes(findings: readonly TopicFinding[]): Promise<void>;
  topicOffsets(topic: string): Promise<TopicOffsets>;
  /** Identifies the topic: 32 hexadecimal digits. A topic that is created again under the same name has another id. */
  topicId(topic: string): Promise<string>;
  /** Per partition the first offset that was written at `timestamp` (ms since the epoch) or later; the end of the partition if there is none. */
  offsetsAt(topic: string, timestamp: number): Promise<Offsets>;
  /** How far the group has committed without a gap; partitions without a commit are absent. */
  committedOffsets(group: string, topic: string): Promise<Offsets>;
  /** The same, with the offsets that were done ahead. */
  commits(group: string, topic: string): Promise<Commits>;
  /** The owner of each partition of the topic in this group; a partition without an owner is absent. */
  owners(group: string, topic: string): Promise<ReadonlyMap<number, PartitionOwner>>;
  /** Names of the groups that this user may see, with or without members. */
  groups(): Promise<readonly string[]>;
  /** The members of a group, for a person: `process 42 on host-a`. A killed process is a member until its session times out. */
  members(group: string): Promise<readonly string[]>;
  /**
   * Replaces what the group has committed in these partitions. Kafka refuses it while the group has members.
   * @throws GroupInUseError then.
   */
  replaceCommits(group: string, topic: string, commits: Commits): Promise<void>;
  /** Removes a group without members. Ignores failures, because Kafka removes such groups by itself. */
  deleteGroup(group: string): Promise<void>;
  /** Identifies the cluster. A cluster that is set up again has another id. */
  clusterId(): Promise<string>;
}
