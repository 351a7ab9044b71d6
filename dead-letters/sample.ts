import { offsetsOf } from '../kafka/commit.ts';
import { commitsWithFormer, type RenamedGroup } from '../kafka/former-group.ts';
import { lagOf } from '../kafka/lag.ts';
import type { Context } from '../platform/context.ts';
import type { Platform } from '../platform/platform.ts';
import { systemClock } from '../runtime/clock.ts';
import { messageOf } from '../runtime/errors.ts';

const everyMs = 10_000;

/** What a service observes beside its own work. */
export interface Watched {
  /** Consumer groups, each with its topics. */
  readonly groups: readonly (RenamedGroup & { readonly topics: readonly string[] })[];
  /** Whether it sends requests to TMDb, and so uses the token bucket. */
  readonly tokens: boolean;
}

/**
 * Updates the gauges about shared state while a service runs: lag from the committed offsets of the group, or of its former group until
 * they are taken over; tokens from the bucket. If a sample fails, the gauge keeps its last value: `/readyz` says what is unreachable.
 */
export async function sampleGauges(platform: Platform, context: Context, watched: Watched): Promise<void> {
  const { signal, log } = context;
  while (!signal.aborted) {
    try {
      await sampleLags(platform, context, watched);
      if (watched.tokens) await sampleTokens(platform, context);
    } catch (error) {
      log.debug({ error: messageOf(error) }, 'no sample');
    }
    await systemClock.sleep(everyMs, signal).catch(() => {});
  }
}

/** @throws KafkaError */
export async function sampleLags(
  platform: Platform,
  { metrics }: Context,
  { groups }: Pick<Watched, 'groups'>,
): Promise<void> {
  const { admin } = (await platform.kafka()).cluster;
  for (const { topics, ...names } of groups) {
    for (const topic of topics) {
      const done = offsetsOf(await commitsWithFormer(admin, names, topic));
      const lag = await lagOf(admin, topic, done, systemClock.now());
      const labels = { group: names.group, topic };
      metrics.lagRecords.set(labels, lag.records);
      metrics.lagSeconds.set(labels, lag.seconds);
    }
  }
}

async function sampleTokens(platform: Platform, { metrics }: Context): Promise<void> {
  metrics.tokensLeft.set((await (await platform.bucket()).state()).tokensLeft);
}
