import { json } from './common-options.ts';
import { defineCommand } from './engine/command.ts';

export const doctor = defineCommand({
  name: 'doctor',
  summary: 'check everything that a run needs',
  description: [
    'Checks Node, dbt, each path that a run writes to, Kafka, its topics, the warehouse, the token bucket and TMDb (one ' +
      'request) with the current settings. It creates missing folders, and changes nothing else.',
  ],
  examples: [['doctor', 'check everything']],
  options: { json },
  tools: ['dbt', 'kafka', 'redis'],
  logLevel: 'silent',
  exits: { 5: 'a check fails; warnings do not count, because nothing is lost' },
  shape: async () => (await import('../pipeline/doctor.ts')).findingsShape,
  load: async () => (await import('./actions/doctor.ts')).doctor,
});
