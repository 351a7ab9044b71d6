import type { KafkaAdmin } from '../kafka/cluster-admin.ts';
import { PreconditionError } from '../runtime/errors.ts';
import type { SharedTopics } from './other-loaders.ts';

/** The topics that the members of `group` share. @param target what this member writes to: all members must write to the same. */
export const sharedTopics = (
  admin: KafkaAdmin,
  { group, target, onWaiting = () => {} }: { group: string; target: string; onWaiting?: SharedTopics['onWaiting'] },
): SharedTopics => ({
  look: async (topic) => ({ topicId: await admin.topicId(topic), ...(await admin.topicOffsets(topic)) }),
  owners: async (topic) => {
    const owners = await admin.owners(group, topic);
    const other = [...owners.values()].find(
      (owner) => owner.isHere && owner.target !== null && owner.target !== target,
    );
    if (!other) return new Map([...owners].map(([partition, { name }]) => [partition, name]));
    throw new PreconditionError(
      `${other.name} loads the same topics into ${other.target}, this command loads into ${target}: they share the partitions, so neither ` +
        'gets all records. End that process, or give both the same warehouse',
    );
  },
  onWaiting,
});
