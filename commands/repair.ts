import { topicNames } from '../schemas/topic-names.ts';
import { json } from './common-options.ts';
import { defineCommand } from './engine/command.ts';
import { flag } from './engine/option.ts';

export const repair = defineCommand({
  name: 'repair',
  summary: 'correct the effects of records with wrong ids or times',
  description: [
    "Reads each topic and finds the records that the stages refuse: a key that is not the record's own id, ids that differ, " +
      'or a time more than an hour ahead. An older version, or a machine with a wrong clock, may have accepted such records. ' +
      'The command then',
    [
      `- replaces each bad record in ${topicNames.movieIds} with a correct one, so that "fetch" fetches the movie again; a key that belongs to no movie gets a tombstone`,
      '- parks the refused records that have rows in BRONZE, and rebuilds BRONZE without these rows',
      '- requests again each movie that has no other answer',
      '- builds SILVER and GOLD from scratch if it found damage in BRONZE or SILVER',
    ].join('\n'),
    'It changes nothing else, and the stages may run meanwhile. If it is interrupted, run it again. Correct the clock ' +
      'first: a machine with a wrong clock finds nothing, or the wrong records.',
  ],
  examples: [
    ['repair --dry-run', 'show what is wrong'],
    ['repair', 'correct it'],
  ],
  options: { dryRun: flag('only show what it would do'), json },
  writes: ['broker', 'work files', 'warehouse'],
  tools: ['dbt', 'kafka'],
  exits: { 5: 'models or tests of dbt failed' },
  shape: async () => (await import('../replay/repair.ts')).repairedShape,
  load: async () => (await import('./actions/repair.ts')).repair,
});
