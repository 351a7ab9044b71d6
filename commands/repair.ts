import { openPlatform } from '../platform/platform.ts';
import { type Repaired, repair as repairRecords } from '../replay/repair.ts';
import { ExitCode } from '../runtime/errors.ts';
import { topics } from '../schemas/topics.ts';
import { throwIfNoCopy } from '../transform/transform.ts';
import { type Command, jsonOption, print } from './command.ts';

export const repair: Command = {
  summary: 'repair topics and tables after records with wrong ids or times in the future',
  help: `usage: repair [--dry-run] [--json]

Reads every topic and finds the records that the stages refuse: a key that is not the record's own id, ids that differ, a
time more than an hour ahead. Some of them may have been accepted before, by an older version or by a machine with a wrong
clock. The command

- replaces each bad record in ${topics.movieIds} with a correct one, so that "fetch" fetches the movie again; a key that
  belongs to no movie gets a tombstone
- parks the refused records that have rows in BRONZE, and rebuilds BRONZE without these rows
- requests the movies again that have no other answer
- builds SILVER and GOLD from scratch if it found damage in BRONZE or SILVER

It changes nothing else. The stages may run meanwhile. If it is interrupted, run it again. First correct the clock: a
machine with a wrong clock finds nothing, or the wrong records.

  --dry-run   changes nothing; shows what it would do`,
  options: { 'dry-run': { type: 'boolean' }, ...jsonOption },
  writes: ['broker', 'work files', 'warehouse'],
  run: async (context, values) => {
    const isDryRun = values['dry-run'] === true;
    await using platform = openPlatform(context, { mayJoinBroker: true });
    const repaired = await repairRecords(platform, context, { isDryRun });
    context.progress[Symbol.dispose]();
    print(values, { ...repaired, isDryRun }, () => textOf(repaired, isDryRun));
    throwIfNoCopy(context);
    return ExitCode.done;
  },
};

function textOf(repaired: Repaired, isDryRun: boolean): string {
  const { badKeys, refusedRecords, rowsToPark, rowsLeftOut, movies, fullRefresh } = repaired;
  const verb = (would: string, done: string) => (isDryRun ? `would ${would}` : done);
  const lines = [
    `${topics.movieIds}: ${badKeys} keys with a record that is refused`,
    `raw topics: ${refusedRecords} records that are refused, ${rowsToPark} of them in BRONZE`,
    `BRONZE: ${rowsLeftOut} rows that SILVER ignores`,
  ];
  if (badKeys + rowsToPark + movies === 0 && !fullRefresh) return [...lines, 'There is nothing to repair.'].join('\n');
  if (rowsToPark > 0)
    lines.push(`${verb('park', 'parked')} ${rowsToPark} records and ${verb('rebuild', 'rebuilt')} BRONZE without them`);
  lines.push(`${verb('ask', 'asked')} again for ${movies} movies: "fetch" sends one request each`);
  if (fullRefresh) lines.push(`${verb('build', 'built')} SILVER and GOLD from scratch`);
  return lines.join('\n');
}
