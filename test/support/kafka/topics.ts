import { createGroups } from '../../../kafka/groups.ts';
import { createTopics, type Topic, allTopics as topicsOf } from '../../../schemas/topics.ts';

/** The topics and groups of a deployment without a prefix. */
export const topics = createTopics('');
export const groups = createGroups('');

export const allTopics: readonly Topic[] = topicsOf(topics);
export const topicNames: readonly string[] = allTopics.map(({ name }) => name);
