import { join } from 'node:path';
import type { KafkaAccess } from '../kafka/access.ts';
import { brokerOwner } from '../kafka/broker/claim.ts';
import { systemClock } from '../runtime/clock.ts';
import type { Secret } from '../runtime/secret.ts';
import { readLocalStore } from '../tmdb/token-bucket/local-store.ts';
import type { Context, PlatformOptions } from './context.ts';

/** How to reach the broker and the token store that `tmdb-stream up` runs on a data folder. */
interface Access {
  readonly kafka: KafkaAccess;
  readonly tokenStoreUrl: Secret;
}

/** The present access: a restart of `up` changes addresses and passwords. While `up` does not run, the last one. */
export type LocalServices = () => Access;

export const brokerDir = (dataDir: string): string => join(dataDir, 'kafka');
export const tokenStoreDir = (dataDir: string): string => join(dataDir, 'token-store');

/** `up` on this folder; null if it does not run. @throws BrokerError, TokenStoreError if this user may not read its credentials. */
function find(dataDir: string): Access | 'starting' | null {
  const owner = brokerOwner(brokerDir(dataDir));
  if (!owner?.isShared) return null;
  const tokenStoreUrl = readLocalStore(tokenStoreDir(dataDir), owner.holder);
  const { access } = owner;
  return access && tokenStoreUrl ? { kafka: access, tokenStoreUrl } : 'starting';
}

/** The access of now, or the last one. Errors too keep the last one: the connection then fails, and its error is reported. */
function following(dataDir: string, first: Access): LocalServices {
  let last = first;
  return () => {
    try {
      const found = find(dataDir);
      if (found !== null && found !== 'starting') last = found;
    } catch {}
    return last;
  };
}

const pollMs = 200;
/** How long (ms) a command waits for an `up` that starts or stops. */
const startingMs = 60_000;

/**
 * Finds `up` on DATA_DIR. Waits for one that starts; a service of one stage without KAFKA_BROKERS waits until there is one.
 * @returns null if it does not run. @throws the reason of the context's signal.
 */
export async function joinLocalServices(context: Context, options: PlatformOptions): Promise<LocalServices | null> {
  const { config, progress } = context;
  const found = find(config.dataDir);
  const isNeeded = options.waitsForUp === true && !config.kafka.brokers;
  if (found !== 'starting' && !(found === null && isNeeded)) return found && following(config.dataDir, found);
  if (found === null) {
    progress.wait(
      `waiting for "tmdb-stream up" with DATA_DIR=${config.dataDir}; or set KAFKA_BROKERS to a cluster of yours`,
    );
  }
  using _ = progress.busy('broker', 'waiting for "tmdb-stream up"');
  return await whenFound(context, isNeeded);
}

async function whenFound({ config, health, signal }: Context, isNeeded: boolean): Promise<LocalServices | null> {
  const startedAt = systemClock.monotonic();
  for (;;) {
    health.excuse();
    await systemClock.sleep(pollMs, signal);
    const found = find(config.dataDir);
    if (found !== null && found !== 'starting') return following(config.dataDir, found);
    const isLate = systemClock.monotonic() - startedAt > startingMs;
    if (!isNeeded && (found === null || isLate)) return null;
  }
}
