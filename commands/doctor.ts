import { json } from './common-options.ts';
import { defineCommand } from './engine/command.ts';

export const doctor = defineCommand({
  name: 'doctor',
  summary: 'check everything that a run needs',
  description: [
    'Checks Node, dbt, each path that is written, Kafka, its topics, the warehouse, the token bucket and TMDb (one request) ' +
      'with the present settings. It creates missing folders, and changes nothing else.',
  ],
  examples: [['doctor', 'check everything']],
  options: { json },
  tools: ['dbt', 'kafka', 'redis'],
  logLevel: 'silent',
  exits: { 5: 'a check fails; a warning does not count, because it loses nothing' },
  shape: async () => (await import('../pipeline/doctor.ts')).findingsShape,
  load: async () => (await import('./actions/doctor.ts')).doctor,
});
