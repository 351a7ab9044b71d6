import { UsageError } from '../runtime/errors.ts';
import { topicNames } from '../schemas/topic-names.ts';
import { json } from './common-options.ts';
import { type CommandGroup, defineCommand } from './engine/command.ts';
import { flag, single } from './engine/option.ts';
import { moment } from './engine/value-types.ts';

const discard = defineCommand({
  name: 'discard',
  summary: 'drop waiting ids without fetching them',
  description: [
    `Moves the fetcher's committed offsets past waiting ids in ${topicNames.movieIds}, or with --backfill in ${topicNames.movieIdsBackfill}. Without --yes, it only shows how many. It ` +
      'deletes nothing: it prints the command that fetches the movies again. After TMDB_REFRESH_AFTER, the ' +
      'producers publish the movies on their lists again.',
    'Stop every fetcher first. While one runs, the command changes nothing and ends with exit code 1.',
  ],
  examples: [
    ['ids discard --before 2h --dry-run', 'show how many ids have waited for more than 2 hours'],
    ['ids discard --all --yes', 'drop every waiting id'],
  ],
  options: {
    all: flag('every id that is waiting now'),
    before: single(moment, 'ids published before TIME: ISO 8601 (in UTC without a zone), or an age such as 2h'),
    backfill: flag(`the ids of the backfill, in ${topicNames.movieIdsBackfill}, instead of the others`),
    dryRun: flag('only show the number of ids, and change nothing'),
    yes: flag('drop them'),
    json,
  },
  writes: ['broker'],
  tools: ['kafka'],
  check: ({ all, before, dryRun, yes }) => {
    if (!all && before === undefined) throw new UsageError('no ids selected: give --all or --before TIME');
    if (all && before !== undefined) throw new UsageError('--all cannot be combined with --before');
    if (dryRun && yes) throw new UsageError('--dry-run changes nothing, --yes drops the ids: give only one of them');
  },
  shape: async () => (await import('../replay/discard.ts')).idsDiscardedShape,
  load: async () => (await import('./actions/ids-discard.ts')).discard,
});

export const ids: CommandGroup = {
  name: 'ids',
  summary: 'discard (drop) ids that wait to be fetched',
  description: ['Works on the ids that wait to be fetched.'],
  examples: [['ids discard --all --dry-run', 'show how many ids are waiting']],
  commands: [discard],
};
