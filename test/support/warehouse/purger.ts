/** A process that purges the DuckDB file of its first argument: answers from before its second argument, in milliseconds since 1970. */
import { systemClock } from '../../../runtime/clock.ts';
import { openDuckDbPurge } from '../../../warehouse/duckdb/purge.ts';

const [, , path = '', before = '0'] = process.argv;
const purge = await openDuckDbPurge({ path, lockWaitMs: 30_000, clock: systemClock });
while ((await purge.blankNext(new Date(Number(before)))) > 0);
if (await purge.isUnfinished()) await purge.finish(new Date());
