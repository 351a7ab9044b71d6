import type { KafkaAdmin } from '../kafka/admin.ts';
import { lineOf, type TopicFinding } from '../kafka/topic-preconditions.ts';
import { openPlatform, topicSettingsOf } from '../platform/platform.ts';
import { ExitCode } from '../runtime/errors.ts';
import { formatTable } from '../runtime/table.ts';
import { topics as names, type TopicName } from '../schemas/topics.ts';
import { type Command, jsonOption, print } from './command.ts';

export const topics: Command = {
  summary: 'show the topics and their expected settings; --apply creates and corrects them',
  help: `usage: topics [--apply] [--json]

Shows for each partition the first offset that is there and the one after the last, and every setting that is other than
KAFKA_PARTITIONS, KAFKA_REPLICATION, KAFKA_RAW_RETENTION and our promises need it. Changes nothing. Exit code 1 when a topic
is missing, or would lose records as it is set.

  --apply   create the topics that are missing, set the settings that are wrong, add partitions that are missing. Never
            shortens a retention, adds no partitions to the ids topic and no replicas: says how that is done`,
  options: { apply: { type: 'boolean' }, ...jsonOption },
  writes: ['broker'],
  run: async (context, values) => {
    await using platform = openPlatform(context, { mayJoinBroker: true, topics: 'leave' });
    const { admin } = await platform.kafka();
    const settings = topicSettingsOf(context.config);
    const applied: TopicFinding[] = [];
    const created = values['apply'] ? await admin.ensureTopics(settings) : [];
    if (values['apply']) {
      applied.push(...(await admin.examineTopics(settings)).filter(({ fix }) => fix !== null));
      await admin.applyFixes(applied);
    }
    const missing = await admin.missingTopics();
    const findings = await admin.examineTopics(settings);
    const partitions = await partitionsOf(admin, missing);
    print(values, { partitions, missing, findings: findings.map(plain), created, applied: applied.map(plain) }, () =>
      [
        ...(partitions.length > 0 ? [formatTable(partitions)] : []),
        ...created.map((topic) => `created  ${topic}`),
        ...applied.map(
          ({ topic, setting, actual, wanted }) => `changed  ${topic}: ${setting} from ${actual} to ${wanted}`,
        ),
        ...missing.map((topic) => `MISSING  ${topic}: topics --apply creates it`),
        ...findings.map((finding) => `${finding.verdict === 'refuse' ? 'WRONG  ' : 'warn   '}  ${lineOf(finding)}`),
      ].join('\n'),
    );
    const isGood = missing.length === 0 && findings.every(({ verdict }) => verdict === 'warn');
    return isGood ? ExitCode.done : ExitCode.failed;
  },
};

/** Without internal fields. */
const plain = ({ fix, ...finding }: TopicFinding) => ({ ...finding, canBeApplied: fix !== null });

async function partitionsOf(admin: KafkaAdmin, missing: readonly TopicName[]) {
  const rows: { topic: TopicName; partition: number; first: number; end: number }[] = [];
  for (const topic of Object.values(names).filter((name) => !missing.includes(name))) {
    const { low, high } = await admin.topicOffsets(topic);
    const sorted = [...high].sort(([a], [b]) => a - b);
    const first = (partition: number) => Number(low.get(partition) ?? 0n);
    rows.push(...sorted.map(([partition, end]) => ({ topic, partition, first: first(partition), end: Number(end) })));
  }
  return rows;
}
