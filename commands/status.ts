import { isPartial, openStatus, type Status } from '../pipeline/status.ts';
import { systemClock } from '../runtime/clock.ts';
import { ExitCode } from '../runtime/errors.ts';
import { formatTable } from '../runtime/table.ts';
import { type Command, jsonOption, print, type Values } from './command.ts';

const everyMs = 2_000;

/** These are not there in every set-up. */
const shownIfAny = ['tokens', 'failed in it', 'last 24 hours at Snowflake'];

export const status: Command = {
  summary: 'what waits in each topic, and how fresh each layer is',
  help: `usage: status [--watch] [--json]

Shows for each topic how many records its consumer has not come to and how old the oldest of them is, the tokens of a
shared bucket, for each layer when it last moved, the last flush, the dead letters (records of tmdb.dead-letters), the
last dbt run with what failed in it, and of Snowflake an estimate of what the last day cost. Without KAFKA_BROKERS the
broker of a run that is under way is asked, or one is started for the look. A part that is out of reach says why in its
place, and the exit code is 1, or 0 with --watch. If another process has the DuckDB file, status waits for it for a few
seconds at most.

  --watch   shows it again every ${everyMs / 1_000} s, until it is stopped; on Snowflake that keeps the transform
            warehouse awake, which costs (docs/cost.md)
  --json    one JSON object, with --watch one a line`,
  options: { watch: { type: 'boolean' }, ...jsonOption },
  writes: ['broker'],
  run: async (context, values) => {
    await using reader = openStatus(context);
    let code: number = ExitCode.done;
    do {
      const found = await reader.read();
      if (values['watch'] && !values['json'] && process.stdout.isTTY) process.stdout.write('\u001b[H\u001b[2J');
      show(values, found);
      code = isPartial(found) ? ExitCode.failed : ExitCode.done;
      if (values['watch']) await systemClock.sleep(everyMs, context.signal).catch(() => {});
    } while (values['watch'] && !context.signal.aborted);
    // A watch is stopped by a person.
    return values['watch'] ? ExitCode.done : code;
  },
};

const show = (values: Values, found: Status): void =>
  print(values, found, () =>
    Object.entries(found)
      .filter(([title, rows]) => rows.length > 0 || !shownIfAny.includes(title))
      .map(([title, rows]) => `${title}\n${rows.length > 0 ? formatTable(rows) : 'nothing yet'}`)
      .join('\n\n'),
  );
