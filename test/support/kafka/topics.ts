import { createGroups } from '../../../kafka/groups.ts';
import { createTopics, type Topic } from '../../../schemas/topics.ts';

/** The topics and groups of a deployment without a prefix. */
export const topics = createTopics('');
export const groups = createGroups('');

export const allTopics: readonly Topic[] = Object.values(topics);
export const topicNames: readonly string[] = allTopics.map(({ name }) => name);
