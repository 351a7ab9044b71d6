/** A process that purges a database of the emulator. Arguments: the emulator's address, the database, and the limit in ms since 1970. */
import { systemClock } from '../../../runtime/clock.ts';
import { openSnowflakePurge } from '../../../warehouse/snowflake/purge.ts';
import { emulatorSettings } from '../snowflake/emulator.ts';

const [, , url = '', database = '', before = '0'] = process.argv;
const purge = openSnowflakePurge({ settings: emulatorSettings(url, { database }), clock: systemClock, stage: 'purge' });
while ((await purge.blankNext(new Date(Number(before)))) > 0);
await purge.finish(new Date());
