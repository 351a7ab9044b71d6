import { UsageError } from '../runtime/errors.ts';
import { topicNames } from '../schemas/topic-names.ts';
import { acceptGap, json } from './common-options.ts';
import { type CommandGroup, defineCommand } from './engine/command.ts';
import { flag } from './engine/option.ts';
import { selectionHelp, selectionOf, selectionOptions } from './selection.ts';

const replayOptions = {
  ...selectionOptions,
  dryRun: flag('only show the number of records, requests and minutes'),
  restart: flag('start from scratch instead of resuming an unfinished replay'),
  json,
};

const resume = 'If it is interrupted, run it again to resume.';

const raw = defineCommand({
  name: 'raw',
  summary: 'add the rows that BRONZE lacks, from Kafka',
  description: [
    `Reads ${topicNames.rawMovies} again and adds the records that BRONZE lacks. It adds no record twice, and the loader can ` +
      'run meanwhile. With --rebuild, it builds a second BRONZE, compares it with the live one, and replaces the live one. ' +
      `It keeps rows whose records Kafka no longer has. It sends no request to TMDb. ${resume}`,
    selectionHelp,
  ],
  examples: [
    ['replay raw --all', 'add every missing row'],
    ['replay raw --since 7d --dry-run', 'show how many records the last week has'],
    ['replay raw --all --rebuild', 'rebuild BRONZE'],
  ],
  options: {
    ...replayOptions,
    rebuild: flag('rebuild all of BRONZE; only with --all'),
    acceptGap,
  },
  writes: ['broker', 'work files'],
  tools: ['kafka'],
  check: (options, now) => {
    selectionOf(options, now);
    if (options.rebuild && !options.all) throw new UsageError('--rebuild rebuilds all of BRONZE: use it with --all');
  },
  exits: { 5: 'some of the records are in dead letters instead of BRONZE' },
  shape: async () => (await import('../replay/raw.ts')).rawReplayedShape,
  load: async () => (await import('./actions/replay-raw.ts')).replayRaw,
});

const ids = defineCommand({
  name: 'ids',
  summary: 'fetch movies again from TMDb',
  description: [
    `Publishes the newest record of each movie in ${topicNames.movieIds} and ${topicNames.movieIdsBackfill} again, to the ` +
      'same topic, so that "fetch" fetches the movie again, regardless of TMDB_REFRESH_AFTER. It leaves out movies with a ' +
      'tombstone, unless --movie is the only selection. Then you can also name movies that the topics do not have. ' +
      resume,
    selectionHelp,
  ],
  examples: [
    ['replay ids --since 7d', 'fetch the movies of the last week again'],
    ['replay ids --movie 603 --movie 604', 'fetch two movies again'],
  ],
  options: {
    ...replayOptions,
    backfill: flag(
      `only ids in ${topicNames.movieIdsBackfill}; without it, --from-offset selects only ids in ${topicNames.movieIds}`,
    ),
  },
  writes: ['broker', 'work files'],
  tools: ['kafka'],
  check: (options, now) => {
    selectionOf(options, now);
  },
  shape: async () => (await import('../replay/ids.ts')).idsReplayedShape,
  load: async () => (await import('./actions/replay-ids.ts')).replayIds,
});

export const replay: CommandGroup = {
  name: 'replay',
  summary: 'replay records: raw (BRONZE from Kafka), ids (fetch again)',
  description: ['Reads records from Kafka again, selected by time, offset or movie.'],
  examples: [['replay raw --all', 'add the rows that BRONZE lacks']],
  commands: [raw, ids],
};
