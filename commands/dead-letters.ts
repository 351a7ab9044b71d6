import { deadLetterReasons } from '../schemas/dead-letter-reasons.ts';
import { topicNames } from '../schemas/topic-names.ts';
import { json } from './common-options.ts';
import { type CommandGroup, defineCommand } from './engine/command.ts';
import { defaulted, flag, positional, repeated, single } from './engine/option.ts';
import { count, moment, oneOf, text } from './engine/value-types.ts';
import { checkFilter, checkFilterOrAll } from './letter-filter.ts';

const letterId = text(
  'ID',
  'the TOPIC/PARTITION/OFFSET of a record, such as tmdb.raw-movies/0/15, or a movie id',
  /^(?:[\w.-]+\/\d{1,9}\/\d{1,19}|\d{1,10})$/,
);

/** With or without the deployment's prefix, which is a setting (KAFKA_TOPIC_PREFIX). */
const topicName = text(
  'TOPIC',
  `the name of a topic, such as ${topicNames.rawMovies}`,
  new RegExp(`^[\\w.-]*(?:${Object.values(topicNames).join('|')})$`),
);

const filters = {
  reason: single(oneOf('REASON', deadLetterReasons), `parked for this reason: ${deadLetterReasons.join(', ')}`),
  topic: single(topicName, 'where the record came from'),
  since: single(moment, 'failed at TIME or later: ISO 8601 (in UTC without a zone), or an age such as 2h'),
  until: single(moment, 'failed before TIME'),
  id: repeated(letterId, 'TOPIC/PARTITION/OFFSET of the record, or a movie id; may be repeated'),
};

const all = flag('every open letter');

const list = defineCommand({
  name: 'list',
  summary: 'list the open letters',
  description: [
    'Lists the letters that were neither sent back nor closed. If you give several filters, a letter must match all of them.',
  ],
  examples: [
    ['dead-letters list', 'list every open letter'],
    ['dead-letters list --reason undecodable_record --since 1d', 'list the unreadable records of the last day'],
  ],
  options: { ...filters, json },
  writes: ['broker'],
  tools: ['kafka'],
  check: checkFilter,
  shape: async () => (await import('./actions/dead-letters.ts')).lettersShape,
  load: async () => (await import('./actions/dead-letters.ts')).listLetters,
});

const show = defineCommand({
  name: 'show',
  summary: 'show one letter and the record in it',
  description: ['Shows one letter, open or closed, and the record in it.'],
  examples: [
    [`dead-letters show ${topicNames.rawMovies}/0/15`, 'show the letter of a record'],
    ['dead-letters show 603', 'show the letters of a movie'],
  ],
  options: { id: positional(letterId, 'TOPIC/PARTITION/OFFSET of the record, or a movie id'), json },
  writes: ['broker'],
  tools: ['kafka'],
  shape: async () => (await import('./actions/dead-letters.ts')).shownShape,
  load: async () => (await import('./actions/dead-letters.ts')).showLetter,
});

const redrive = defineCommand({
  name: 'redrive',
  summary: 'send records back to the topics they came from',
  description: [
    'Publishes each record again to the topic that it came from, then closes its letter. If the record fails again, it gets ' +
      'a new letter with one more replay. If the command is interrupted, run it again to resume; a few records may be ' +
      'published twice.',
    'Give --all, or filters: a letter is selected if it matches all of them.',
  ],
  examples: [
    ['dead-letters redrive --all --dry-run', "test the records against today's code"],
    ['dead-letters redrive --reason undecodable_record', 'send the unreadable records back'],
  ],
  options: {
    ...filters,
    all,
    dryRun: flag(
      'write nothing; decode each record, append it to a warehouse in a temporary folder, and show the result',
    ),
    maxReplays: defaulted(count(0, 999_999), '3', 'refuse records that were already sent back N times'),
    json,
  },
  writes: ['broker'],
  tools: ['kafka'],
  check: checkFilterOrAll,
  exits: { 5: 'a letter was refused; with --dry-run, if a record would be refused or parked again' },
  shape: async () => (await import('../dead-letters/redrive.ts')).redriveShape,
  load: async () => (await import('./actions/dead-letters.ts')).redriveLetters,
});

const purge = defineCommand({
  name: 'purge',
  summary: 'close letters without sending the records back',
  description: [
    'Closes letters. Without --yes it only lists them. Closing a letter removes it from the list and deletes nothing: the ' +
      'topic keeps each record for KAFKA_RAW_RETENTION.',
    'Give --all, or filters: a letter is selected if it matches all of them.',
  ],
  examples: [
    ['dead-letters purge --reason undecodable_record', 'list what would be closed'],
    ['dead-letters purge --all --yes', 'close every open letter'],
  ],
  options: { ...filters, all, yes: flag('close them'), json },
  writes: ['broker'],
  tools: ['kafka'],
  check: checkFilterOrAll,
  shape: async () => (await import('./actions/dead-letters.ts')).purgedShape,
  load: async () => (await import('./actions/dead-letters.ts')).purgeLetters,
});

export const deadLetters: CommandGroup = {
  name: 'dead-letters',
  summary: 'list, show, redrive (send back) or purge parked records',
  description: ['Works on records that were parked because a stage could not use them.'],
  examples: [['dead-letters list', 'list every open letter']],
  commands: [list, show, redrive, purge],
};
