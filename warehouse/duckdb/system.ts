import { existsSync, statSync } from 'node:fs';
import { waitFor } from '../../runtime/leases.ts';
import type { WarehouseUse } from '../kind.ts';
import type { WarehouseSystem } from '../system.ts';
import { takeFileLock } from './file-lock.ts';
import { holderInMessage } from './file-wait.ts';
import { goldPublishedAt } from './gold-published-at.ts';
import { memoryLimit } from './memory-limit.ts';
import type { DuckDbSettings } from './settings.ts';

/** Everything is in one file. DuckDB is loaded when the file is first opened, because many commands never open it. */
export function duckDbSystem(
  settings: DuckDbSettings,
  { clock, retentionMs, signal, watchFile }: WarehouseUse,
): WarehouseSystem {
  const { duckdbPath: path, goldPath, lockWaitMs } = settings;
  const onWait = watchFile();
  const options = { path, lockWaitMs, clock, retentionMs, signal, onWait };
  return {
    name: path,
    patienceMs: waitFor('fileLock', lockWaitMs),
    // It opens the file for a moment, as `status` does.
    statusEveryMs: 10_000,
    readsNeedLock: true,
    freshnessEveryMs: 60_000,
    dbtVariables: { WAREHOUSE: 'duckdb', DUCKDB_PATH: path, DUCKDB_MEMORY_LIMIT: memoryLimit(4_000) },
    exists: () => existsSync(path),
    openLoader: async () => (await import('./warehouse.ts')).openDuckDbWarehouse(options),
    openReader: async ({ lookMs, isShared } = {}) => {
      const look = lookMs !== undefined && { lockWaitMs: lookMs, isLook: true, onWait: undefined };
      const { openDuckDbReader, openSharedReader } = await import('./reader.ts');
      return isShared ? openSharedReader(options) : openDuckDbReader({ ...options, ...look });
    },
    openRebuild: async () => (await import('./rebuild.ts')).openDuckDbRebuild(options),
    openBackfill: async (name) => (await import('./backfill.ts')).openDuckDbBackfill(options, name),
    adopt: async (adoptions) => (await import('./adopt.ts')).adoptInDuckDb(options, adoptions),
    openPurge: async () => (await import('./purge.ts')).openDuckDbPurge(options),
    takeTransformLease: () => takeFileLock({ path, clock, waitMs: lockWaitMs, signal, onWait }),
    reportHolder: (message, leftMs = 0, lock) => {
      const holder = message === null ? null : holderInMessage(message);
      lock?.waitsFor?.(holder);
      if (message === null) onWait(null);
      if (holder !== null) onWait({ path, holder, leftMs, waitedMs: 0, isQueued: false });
      return holder !== null;
    },
    openRunLog: async (lock) => (await import('./run-log.ts')).openDuckDbRunLog({ ...options, ...(lock && { lock }) }),
    creditsFor: () => null,
    bronzeVersion: async () => stampOf(path),
    publishGold: async (models, lock) => {
      const { publishGold } = await import('./publish-gold.ts');
      await publishGold({ ...options, ...(lock && { lock }) }, goldPath, models);
    },
    goldPublishedAt: () => goldPublishedAt(goldPath),
    openGold: async () => (await import('./gold-reader.ts')).openDuckDbGold(goldPath),
  };
}

/** Detects whether any process has written to the file since, without opening it; null if it does not exist. */
function stampOf(path: string): string | null {
  const stamps = [path, `${path}.wal`].map((file) => {
    const stats = statSync(file, { throwIfNoEntry: false, bigint: true });
    return stats && `${stats.mtimeNs}/${stats.size}`;
  });
  return stamps[0] ? stamps.join(' ') : null;
}
