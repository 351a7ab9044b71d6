import { basename } from 'node:path';
import { readDefinitions } from '../dashboard/definitions.ts';
import { type OperationsStatus, shared } from '../dashboard/operations.ts';
import { startDashboardServer } from '../dashboard/server.ts';
import { createSite } from '../dashboard/site.ts';
import { keepHeapSmall } from '../dashboard/small-heap.ts';
import { type LetterGroup, summarizeOpenLetters } from '../dead-letters/summary.ts';
import type { Context } from '../platform/context.ts';
import { maxAnswerAgeMs } from '../platform/open-kafka.ts';
import { openPlatform } from '../platform/platform.ts';
import { goldSource, warehouseAccess } from '../platform/warehouse.ts';
import { whenAborted } from '../runtime/abort.ts';
import { systemClock } from '../runtime/clock.ts';
import { Health } from '../runtime/health.ts';
import { type Drift, readDrift } from '../transform/drift.ts';
import { modelsOfGold } from '../transform/transform.ts';
import { runAsService } from './service.ts';
import { errorOf, openStatus, reasonOf } from './status.ts';
import { lookMs } from './warehouse-status.ts';

/**
 * Serves the dashboard until the context's signal aborts.
 * @param onStarted is called with its address when it accepts connections. @throws UsageError if it cannot listen there.
 */
export async function serveDashboard(context: Context, onStarted: (url: string) => void): Promise<void> {
  const { config, health, log, signal } = context;
  keepHeapSmall();
  await runAsService(context, async () => {
    await using gold = await goldSource(context).openGold(await modelsOfGold(), (problem) => {
      if (problem === null) log.info('GOLD can be read again');
      else log.warn({ problem }, 'cannot read GOLD; retrying, and serving the last copy if there is one');
    });
    health.dependsOn('gold', async () => void gold.version());
    // Only the fetchers need a token, so its absence says nothing here. The default data folder is named after the origin.
    const remark = basename(config.dataDir) === 'generated' ? inventedMovies : null;
    const readOperations = operationsReader(context);
    const site = createSite({ gold, definitions: readDefinitions(), readOperations, remark });
    await using server = await startDashboardServer({ ...config.dashboard, site, log });
    onStarted(server.url);
    await whenAborted(signal);
  });
}

const inventedMovies = 'These movies are invented: a sandbox stands in for TMDb until TMDB_TOKEN is set.';

/** How long (ms) the dead letters are shown before they are read again: the whole topic is read, and a redrive simulated. */
const lettersFreshMs = 60_000;

/** Reads what the page of operations shows. A part that cannot be read is null, with its reason in `errors`. */
export function operationsReader(context: Context): () => Promise<OperationsStatus> {
  // The dashboard is ready without Kafka: what is out of reach here is on the page, not in /readyz.
  const look = { ...context, health: new Health(systemClock, context.config.secrets) };
  const now = () => systemClock.monotonic();
  const status = shared(() => readOnce(look), now, warehouseAccess(context).statusEveryMs);
  const letters = shared(() => readLettersOnce(look), now, lettersFreshMs);
  return async () => {
    const [{ errors, ...parts }, found] = await Promise.all([status(), orError(look, 'deadLetters', letters())]);
    return { ...parts, deadLetters: found.value, errors: [...errors, ...found.errors] };
  };
}

type PartErrors = OperationsStatus['errors'];

interface Part<Value> {
  readonly value: Value | null;
  readonly errors: PartErrors;
}

/** A part of the page; null with its error if it cannot be read. */
async function orError<Value>(context: Context, part: string, reading: Promise<Value>): Promise<Part<Value>> {
  try {
    return { value: await reading, errors: [] };
  } catch (error) {
    return { value: null, errors: [{ part, message: reasonOf(error, context) }] };
  }
}

/** Opens everything for one look and closes it: between two looks the dashboard has no connection. Starts no broker. */
async function readOnce(look: Context): Promise<Omit<OperationsStatus, 'deadLetters'>> {
  await using reader = openStatus(look, { startsNoBroker: true });
  const status = await reader.read();
  // Only one of both may wait for the file, so the second does not try if the first could not open it.
  const message = errorOf(status, 'warehouse');
  const drift = message === undefined ? await orError(look, 'drift', readDriftOnce(look)) : unread('drift', message);
  return { ...status, drift: drift.value, errors: [...status.errors, ...drift.errors] };
}

const unread = (part: string, message: string): Part<never> => ({ value: null, errors: [{ part, message }] });

async function readDriftOnce(look: Context): Promise<Drift | null> {
  const system = warehouseAccess(look);
  if (!system.exists()) return null;
  await using reader = await system.openReader({ lookMs });
  return await readDrift((sql) => reader.query(sql));
}

async function readLettersOnce(look: Context): Promise<LetterGroup[]> {
  const options = { mayJoinBroker: true, topics: 'look', kafkaPatienceMs: 5_000, startsNoBroker: true } as const;
  await using platform = openPlatform(look, options);
  const { cluster } = await platform.kafka();
  return await summarizeOpenLetters(cluster, look.log, {
    maxAnswerAgeMs: maxAnswerAgeMs(look.config),
    signal: look.signal,
  });
}
