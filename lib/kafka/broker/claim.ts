import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { processIdentity } from '../../process-identity.ts';
import { BrokerError } from '../errors.ts';

const Process = z.object({ pid: z.int(), identity: z.string() });
const Holder = z.object({ owner: Process, broker: Process.extend({ address: z.string() }).optional() });
type Holder = z.infer<typeof Holder>;

/** A data folder that is ours until `release`. */
export interface Claim {
  /** Writes down which process is the broker, so that who comes after us can wait for its end, or ask it meanwhile. */
  setBroker(pid: number, address: string): void;
  release(): void;
}

/** A broker without its owner is on its way out: it has 15 s for a clean stop, then it is killed. */
const waitMs = 20_000;

/**
 * Makes sure that one broker at a time uses `dataDir`. A broker left by an owner that was killed is waited for.
 * @throws BrokerError when a living owner has the folder, or the old broker does not end.
 */
export async function claimDataDir(dataDir: string, signal?: AbortSignal): Promise<Claim> {
  const file = fileIn(dataDir);
  const owner = ownProcess();
  const deadline = performance.now() + waitMs;
  while (!tryCreate(file, { owner })) {
    const holder = readHolder(file);
    if (!holder || !isAlive(holder.broker)) {
      if (holder && isAlive(holder.owner)) throw inUse(dataDir, holder);
      rmSync(file, { force: true });
      continue;
    }
    if (isAlive(holder.owner)) throw inUse(dataDir, holder);
    if (performance.now() > deadline) {
      throw new BrokerError(
        `the broker of an earlier run (process ${holder.broker?.pid}) still uses ${dataDir}: end it with kill ${holder.broker?.pid}`,
      );
    }
    await delay(50, undefined, signal && { signal });
  }
  return {
    setBroker: (pid, address) => {
      const identity = processIdentity(pid);
      if (identity) writeFileSync(file, JSON.stringify({ owner, broker: { pid, identity, address } } satisfies Holder));
    },
    release: () => rmSync(file, { force: true }),
  };
}

const fileIn = (dataDir: string): string => join(dataDir, 'broker.json');

/** `host:port` of the broker that another run has started on `dataDir`; null when none runs. */
export function runningBroker(dataDir: string): string | null {
  const holder = readHolder(fileIn(dataDir));
  return holder?.broker && isAlive(holder.owner) && isAlive(holder.broker) ? holder.broker.address : null;
}

const ownProcess = (): Holder['owner'] => ({ pid: process.pid, identity: processIdentity(process.pid) ?? '' });

const isAlive = (held: z.infer<typeof Process> | undefined): boolean =>
  held !== undefined && processIdentity(held.pid) === held.identity;

const inUse = (dataDir: string, { owner }: Holder): BrokerError =>
  new BrokerError(
    `${dataDir} is in use by the broker of process ${owner.pid}: let that run end, or give this one another DATA_DIR`,
  );

/** All of the file at once or not at all: whoever reads it in between must not take it for half written. */
function tryCreate(file: string, holder: Holder): boolean {
  const whole = `${file}.${process.pid}`;
  writeFileSync(whole, JSON.stringify(holder));
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

/** null when it went away meanwhile, or was half written by a process that was killed. */
function readHolder(file: string): Holder | null {
  try {
    return Holder.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return null;
  }
}
