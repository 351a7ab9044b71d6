import { ExitCode } from '../lib/errors.ts';
import { formatTable } from '../lib/table.ts';
import { readStatus } from '../pipeline/status.ts';
import { type Command, jsonOption, print } from './command.ts';

export const status: Command = {
  summary: 'what waits in each topic, and how fresh each layer is',
  help: `usage: status [--json]

Shows for each topic how many records its consumer has not come to, for each layer when it last moved, the dead letters
and the last dbt run. Without KAFKA_BROKERS the broker is started for the look.`,
  options: jsonOption,
  logLevel: 'warn',
  run: async (context, values) => {
    const found = await readStatus(context);
    print(values, found, () =>
      Object.entries(found)
        .map(([title, rows]) => `${title}\n${rows.length > 0 ? formatTable(rows) : 'nothing yet'}`)
        .join('\n\n'),
    );
    return ExitCode.done;
  },
};
