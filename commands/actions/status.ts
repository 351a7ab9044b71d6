import { isPartial, openStatus, type Status } from '../../pipeline/status.ts';
import type { Context } from '../../platform/context.ts';
import { systemClock } from '../../runtime/clock.ts';
import { ExitCode } from '../../runtime/errors.ts';
import { formatTable } from '../../runtime/table.ts';
import { print } from '../engine/print.ts';

const everyMs = 2_000;

/** Parts that not every setup has: they are omitted when they are empty. */
const shownIfAny = ['tokens', 'failed in it', 'last 24 hours at Snowflake'];

interface ShowStatus {
  readonly watch: boolean;
  readonly json: boolean;
}

/** `status` */
export async function showStatus(context: Context, options: ShowStatus): Promise<number> {
  await using reader = openStatus(context);
  let code: number = ExitCode.done;
  do {
    const found = await reader.read();
    if (options.watch && !options.json && process.stdout.isTTY) process.stdout.write('\u001b[H\u001b[2J');
    show(options, found);
    code = isPartial(found) ? ExitCode.failed : ExitCode.done;
    if (options.watch) await systemClock.sleep(everyMs, context.signal).catch(() => {});
  } while (options.watch && !context.signal.aborted);
  // Stopping a watch is its normal end.
  return options.watch ? ExitCode.done : code;
}

const show = (options: ShowStatus, found: Status): void =>
  print(options, found, () =>
    Object.entries(found)
      .filter(([title, rows]) => rows.length > 0 || !shownIfAny.includes(title))
      .map(([title, rows]) => `${title}\n${rows.length > 0 ? formatTable(rows) : 'nothing yet'}`)
      .join('\n\n'),
  );
