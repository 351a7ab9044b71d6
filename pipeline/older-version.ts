import type { KafkaAdmin } from '../kafka/cluster-admin.ts';
import { takeOverOffsets } from '../kafka/former-group.ts';
import type { Context } from '../platform/context.ts';
import { systemClock } from '../runtime/clock.ts';
import type { Topic } from '../schemas/topics.ts';
import { tellOlderVersion } from './waiting.ts';

/**
 * Lets a stage continue where an older version of it was, whose consumer group had another name. Waits until the processes of that
 * version have ended. This does not count as unready: a rolling update ends them only when the new processes are ready.
 * @throws KafkaError
 */
export async function takeOver(
  context: Context,
  admin: KafkaAdmin,
  stage: 'fetcher' | 'loader',
  topics: readonly Topic[],
): Promise<void> {
  const { groups, formerGroups } = context.config.kafka;
  const names = { group: groups[stage], former: formerGroups[stage] };
  await takeOverOffsets(
    admin,
    names,
    topics.map(({ name }) => name),
    { signal: context.signal, clock: systemClock, onWaiting: tellOlderVersion(context, stage, names.former) },
  );
}
