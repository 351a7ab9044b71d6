import type { KafkaAdmin } from '../../kafka/cluster-admin.ts';
import { lineOf, type TopicFinding } from '../../kafka/topic-preconditions.ts';
import type { Context } from '../../platform/context.ts';
import { topicSettingsOf } from '../../platform/open-kafka.ts';
import { openPlatform } from '../../platform/platform.ts';
import { ExitCode } from '../../runtime/errors.ts';
import { formatTable } from '../../runtime/table.ts';
import { allTopics } from '../../schemas/topics.ts';
import { print } from '../engine/print.ts';

interface ShowTopics {
  readonly apply: boolean;
  readonly json: boolean;
}

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
  print(options, { partitions, missing, findings: findings.map(plain), created, applied: applied.map(plain) }, () =>
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
}

/** Without internal fields. */
const plain = ({ fix, ...finding }: TopicFinding) => ({ ...finding, canBeApplied: fix !== null });

async function partitionsOf(admin: KafkaAdmin, topics: readonly string[]) {
  const rows: { topic: string; partition: number; first: number; end: number }[] = [];
  for (const topic of topics) {
    const { low, high } = await admin.topicOffsets(topic);
    const sorted = [...high].sort(([a], [b]) => a - b);
    const first = (partition: number) => Number(low.get(partition) ?? 0n);
    rows.push(...sorted.map(([partition, end]) => ({ topic, partition, first: first(partition), end: Number(end) })));
  }
  return rows;
}
