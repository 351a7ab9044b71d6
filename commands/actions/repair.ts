import type { Context } from '../../platform/context.ts';
import { openPlatform } from '../../platform/platform.ts';
import { type Repaired, repairedShape, repair as repairRecords } from '../../replay/repair.ts';
import { ExitCode } from '../../runtime/errors.ts';
import { throwIfNoCopy } from '../../transform/transform.ts';
import { print } from '../engine/print.ts';

interface Repair {
  readonly dryRun: boolean;
  readonly json: boolean;
}

/** `repair` */
export async function repair(context: Context, options: Repair): Promise<number> {
  const { dryRun: isDryRun } = options;
  await using platform = openPlatform(context, { mayJoinBroker: true, topics: isDryRun ? 'exist' : 'require' });
  const repaired = await repairRecords(platform, context, { isDryRun });
  context.progress[Symbol.dispose]();
  print(options, repairedShape, repaired, () => textOf(context.config.kafka.topics.movieIds.name, repaired));
  throwIfNoCopy(context);
  return ExitCode.done;
}

function textOf(movieIds: string, repaired: Repaired): string {
  const { isDryRun, badKeys, refusedRecords, rowsToPark, rowsLeftOut, movies, fullRefresh } = repaired;
  const verb = (would: string, done: string) => (isDryRun ? `would ${would}` : done);
  const lines = [
    `${movieIds}: ${badKeys} keys with a record that is refused`,
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
