import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type Clock, systemClock } from '../../runtime/clock.ts';
import { keepTouching, lapsesInMs } from '../../runtime/file-lease.ts';
import { canLookAt, describeHolder, Holder, holderOf, isGone, ownHolder } from '../../runtime/holder.ts';
import { timeLeft, waitFor } from '../../runtime/leases.ts';
import { orNull } from '../../runtime/or-null.ts';
import type { KafkaAccess } from '../access.ts';
import { BrokerError } from '../errors.ts';
import type { BrokerOptions } from './broker.ts';
import { readCredentials } from './credentials.ts';

const Claimed = z.object({
  owner: Holder,
  isShared: z.boolean().optional(),
  broker: Holder.extend({ address: z.string() }).optional(),
});
type Claimed = z.infer<typeof Claimed>;

/** A data folder that this process holds until `release`. */
export interface Claim {
  /** Records which process is the broker, so that later runs can wait for its end or connect to it. */
  setBroker(pid: number, address: string): void;
  release(): void;
}

const pollMs = 50;

/**
 * Ensures that only one broker at a time uses `dataDir`. Waits for a broker whose owner was killed. Also waits for an owner
 * that it cannot check (in another container), until that owner has not touched its claim for `leases.brokerClaim`. A shared broker waits
 * for the end of a command that has a broker of its own.
 * @throws BrokerError if a live owner holds the folder, or the old broker does not end.
 */
export async function claimDataDir(
  dataDir: string,
  { isShared = false, onWait, signal }: Pick<BrokerOptions, 'isShared' | 'onWait' | 'signal'> = {},
  clock: Clock = systemClock,
): Promise<Claim> {
  const file = fileIn(dataDir);
  const claimed = { owner: ownHolder(), isShared };
  const startedAt = clock.monotonic();
  let awaited: string | undefined;
  while (!tryCreate(file, claimed)) {
    const state = stateOf(file);
    if (state.kind === 'free') {
      rmSync(file, { force: true });
      continue;
    }
    if (isShared && state.kind === 'in use' && !state.claimed.isShared) {
      const holder = describeHolder(state.claimed.owner);
      if (holder !== awaited) onWait?.(holder);
      awaited = holder;
    } else if (clock.monotonic() - startedAt >= state.waitMs) {
      throw inUse(dataDir, state);
    }
    await clock.sleep(pollMs, signal);
  }
  // If another process removes the claim nevertheless, Kafka's own lock still protects the folder.
  const endTouching = keepTouching(file);
  return {
    setBroker: (pid, address) => {
      const broker = { ...holderOf(pid), address };
      // An empty identity: the process has already ended.
      if (broker.identity !== '') replace(file, { ...claimed, broker });
    },
    release: () => {
      endTouching();
      rmSync(file, { force: true });
    },
  };
}

type State =
  | { readonly kind: 'free' }
  | {
      readonly kind: 'in use' | 'out of sight' | 'orphaned';
      readonly claimed: Claimed;
      readonly waitMs: number;
      readonly leftMs: number;
    };

/** The process that holds the folder, and how long to wait until it becomes free by itself. */
function stateOf(file: string): State {
  const claimed = readClaim(file);
  if (claimed === null) return { kind: 'free' };
  const leftMs = lapsesInMs(file, 'brokerClaim');
  if (!canLookAt(claimed.owner)) {
    return leftMs <= 0
      ? { kind: 'free' }
      : { kind: 'out of sight', claimed, waitMs: waitFor('brokerClaim', 0), leftMs };
  }
  if (!isGone(claimed.owner)) return { kind: 'in use', claimed, waitMs: 0, leftMs };
  if (!claimed.broker || isGone(claimed.broker)) return { kind: 'free' };
  return { kind: 'orphaned', claimed, waitMs: waitFor('orphanedBroker', 0), leftMs };
}

const fileIn = (dataDir: string): string => join(dataDir, 'broker.json');

/** The live process that holds a data folder. */
export interface BrokerOwner {
  readonly holder: Holder;
  readonly isShared: boolean;
  /** How to reach its broker; null while it starts or stops. @throws BrokerError if a broker runs and its credentials cannot be read. */
  readonly access: KafkaAccess | null;
}

/** Who has claimed `dataDir`; null if no live process of this machine has. */
export function brokerOwner(dataDir: string): BrokerOwner | null {
  const state = stateOf(fileIn(dataDir));
  if (state.kind !== 'in use') return null;
  const { owner, isShared = false, broker } = state.claimed;
  return {
    holder: owner,
    isShared,
    get access() {
      return broker && !isGone(broker) ? { brokers: [broker.address], sasl: readCredentials(dataDir) } : null;
    },
  };
}

function inUse(dataDir: string, { kind, claimed, leftMs }: Exclude<State, { kind: 'free' }>): BrokerError {
  if (kind === 'orphaned' && claimed.broker) {
    const { pid } = claimed.broker;
    return new BrokerError(
      `the broker of an earlier run (${describeHolder(claimed.broker)}) still uses ${dataDir}: end it with kill ${pid}`,
    );
  }
  const lapse = kind === 'out of sight' ? ` (if it was killed, the folder is free in ${timeLeft(leftMs)})` : '';
  if (claimed.isShared) {
    return new BrokerError(
      `"tmdb-stream up" (${describeHolder(claimed.owner)}) already runs on ${dataDir}, and other commands join it${lapse}`,
    );
  }
  return new BrokerError(
    `${dataDir} is in use by the broker of ${describeHolder(claimed.owner)}: let that run end. To run several commands at once, ` +
      `start the broker with "tmdb-stream up", or name yours in KAFKA_BROKERS${lapse}`,
  );
}

/** Replaces the whole file at once, so that no process reads a part of it. */
const replace = (file: string, claimed: Claimed): void => renameSync(written(file, claimed), file);

/** @returns a file of this process beside `file`. */
function written(file: string, claimed: Claimed): string {
  const whole = `${file}.${process.pid}`;
  writeFileSync(whole, JSON.stringify(claimed));
  return whole;
}

/** Creates the whole file at once. @returns false if it exists. */
function tryCreate(file: string, claimed: Claimed): boolean {
  const whole = written(file, claimed);
  try {
    linkSync(whole, file);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(whole);
  }
}

/** null if the file was removed meanwhile, or if a process was killed while it wrote the file. */
const readClaim = (file: string): Claimed | null => orNull(() => Claimed.parse(JSON.parse(readFileSync(file, 'utf8'))));
