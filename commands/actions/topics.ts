import { z } from 'zod';
import type { KafkaAdmin } from '../../kafka/cluster-admin.ts';
import { lineOf, type TopicFinding } from '../../kafka/topic-preconditions.ts';
import type { Context } from '../../platform/context.ts';
import { topicSettingsOf } from '../../platform/open-kafka.ts';
import { openPlatform } from '../../platform/platform.ts';
import { ExitCode } from '../../runtime/errors.ts';
import { count, type ValueOf } from '../../runtime/shape.ts';
import { formatTable } from '../../runtime/table.ts';
import { allTopics } from '../../schemas/topics.ts';
import { print } from '../engine/print.ts';

interface ShowTopics {
  readonly apply: boolean;
  readonly json: boolean;
}

const partitionShape = z.object({
  topic: z.string().describe('name of the topic'),
  partition: count.describe('its number'),
  first: count.describe('its first offset'),
  end: count.describe('the offset after the last one'),
});

const findingShape = z.object({
  topic: z.string().describe('name of the topic'),
  setting: z.string().describe("Kafka's name of the setting, or partitions, or replication.factor"),
  verdict: z
    .enum(['refuse', 'warn'])
    .describe('refuse: records would be lost, or nothing can be written; warn: less than guaranteed'),
  actual: z.string().describe('the current value'),
  wanted: z.string().describe('the value that it should have'),
  why: z.string().describe('the consequence'),
  remedy: z.string().describe('what to do'),
  canBeApplied: z.boolean().describe('whether --apply corrects it'),
});

export const topicsShape = z.object({
  partitions: z.array(partitionShape).describe('each partition of the topics that exist'),
  missing: z.array(z.string()).describe('topics that do not exist'),
  findings: z.array(findingShape).describe('settings that differ from what they should be'),
  created: z.array(z.string()).describe('topics that --apply created'),
  applied: z.array(findingShape).describe('findings that --apply corrected'),
});

/** `topics` */
export async function showTopics(context: Context, options: ShowTopics): Promise<number> {
  await using platform = openPlatform(context, { mayJoinBroker: true, topics: 'leave' });
  const { cluster } = await platform.kafka();
  const { admin } = cluster;
  const settings = topicSettingsOf(context.config);
  const applied: TopicFinding[] = [];
  const created = options.apply ? await admin.ensureTopics(settings) : [];
  if (options.apply) {
    applied.push(...(await admin.examineTopics(settings)).filter(({ fix }) => fix !== null));
    await admin.applyFixes(applied);
  }
  const missing = await admin.missingTopics();
  const findings = await admin.examineTopics(settings);
  const existing = allTopics(cluster.topics).flatMap(({ name }) => (missing.includes(name) ? [] : [name]));
  const partitions = await partitionsOf(admin, existing);
  const shown = { partitions, missing, findings: findings.map(plain), created, applied: applied.map(plain) };
  print(options, topicsShape, shown, () =>
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
  return isGood ? ExitCode.done : ExitCode.partial;
}

const plain = (finding: TopicFinding) => ({ ...finding, canBeApplied: finding.fix !== null });

async function partitionsOf(admin: KafkaAdmin, topics: readonly string[]) {
  const rows: ValueOf<typeof partitionShape>[] = [];
  for (const topic of topics) {
    const { low, high } = await admin.topicOffsets(topic);
    const sorted = [...high].sort(([a], [b]) => a - b);
    const first = (partition: number) => Number(low.get(partition) ?? 0n);
    rows.push(...sorted.map(([partition, end]) => ({ topic, partition, first: first(partition), end: Number(end) })));
  }
  return rows;
}
