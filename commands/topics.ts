import { json } from './common-options.ts';
import { defineCommand } from './engine/command.ts';
import { flag } from './engine/option.ts';

export const topics = defineCommand({
  name: 'topics',
  summary: 'show the topics and settings; --apply corrects them',
  description: [
    'Shows the first offset of each partition and the offset after its last record. It also shows each setting that differs ' +
      'from KAFKA_PARTITIONS, KAFKA_REPLICATION or KAFKA_RAW_RETENTION, or that would break a guarantee. Without --apply, ' +
      'it changes nothing.',
  ],
  examples: [
    ['topics', 'show the topics'],
    ['topics --apply', 'create missing topics and correct settings'],
  ],
  options: {
    apply: flag(
      'create missing topics, correct settings, and add missing partitions. It never shortens a retention, adds ' +
        'replicas, or adds partitions to the topic of ids; it prints how to do that',
    ),
    json,
  },
  writes: ['broker'],
  tools: ['kafka'],
  exits: { 5: 'a topic is missing, or would lose records with its settings' },
  shape: async () => (await import('./actions/topics.ts')).topicsShape,
  load: async () => (await import('./actions/topics.ts')).showTopics,
});
