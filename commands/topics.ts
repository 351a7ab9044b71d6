import { ExitCode } from '../lib/errors.ts';
import { formatTable } from '../lib/table.ts';
import { openPlatform } from '../pipeline/platform.ts';
import { topics as names } from '../schemas/topics.ts';
import { type Command, jsonOption, print } from './command.ts';

export const topics: Command = {
  summary: 'make the topics that are missing and show what each holds',
  help: `usage: topics [--json]

Makes the topics that are missing (KAFKA_PARTITIONS, KAFKA_REPLICATION, KAFKA_RAW_RETENTION); those that are there stay as
they are. Shows for each partition the first offset that is there and the one after the last.`,
  options: jsonOption,
  run: async (context, values) => {
    await using platform = openPlatform(context, { mayJoinBroker: true });
    const { admin } = await platform.kafka();
    const rows: Record<string, string | number>[] = [];
    for (const topic of Object.values(names)) {
      const { low, high } = await admin.topicOffsets(topic);
      const partitions = [...high].sort(([a], [b]) => a - b);
      rows.push(
        ...partitions.map(([partition, end]) => ({
          topic,
          partition,
          first: Number(low.get(partition) ?? 0n),
          end: Number(end),
        })),
      );
    }
    print(values, rows, () => formatTable(rows));
    return ExitCode.done;
  },
};
