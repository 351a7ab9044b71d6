import { json } from './common-options.ts';
import { defineCommand } from './engine/command.ts';

export const drift = defineCommand({
  name: 'drift',
  summary: "show how TMDb's documents differ from the pinned shape",
  description: [
    'Lists keys that are new, have vanished or are newly null, values of another JSON type, and unknown texts of keys such as ' +
      'status, each with a movie as an example. Each run of dbt compares new documents with the shape that SILVER was written ' +
      'for (pinned_shape in dbt/macros/document_shape.sql).',
    'TRANSFORM_DRIFT says whether a run of dbt also warns or fails.',
  ],
  examples: [['drift', 'show what differs']],
  options: { json },
  writes: [],
  tools: [],
  exits: { 5: "TMDb's newest documents differ from the pinned shape" },
  shape: async () => (await import('../transform/drift.ts')).driftShape,
  load: async () => (await import('./actions/drift.ts')).showDrift,
});
