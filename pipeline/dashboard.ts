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
import { messageOf } from '../runtime/errors.ts';
import { Health } from '../runtime/health.ts';
import { runAsService } from './service.ts';
import { openStatus, type Status } from './status.ts';

/**
 * Serves the dashboard until the context's signal aborts.
 * @param onStarted is called with its address when it accepts connections. @throws UsageError if it cannot listen there.
 */
export async function serveDashboard(context: Context, onStarted: (url: string) => void): Promise<void> {
  const { config, health, log, signal } = context;
  keepHeapSmall();
  await runAsService(context, async () => {
    await using gold = await goldSource(context).openGold((problem) => {
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
    const [{ errors, ...parts }, [found]] = await Promise.all([status(), Promise.allSettled([letters()])]);
    if (found.status === 'fulfilled') return { ...parts, errors, deadLetters: found.value };
    const message = messageOf(found.reason).split('\n')[0] ?? '';
    return { ...parts, deadLetters: null, errors: [...errors, { part: 'deadLetters', message }] };
  };
}

/** Opens everything for one status and closes it: between two looks the dashboard has no connection. Starts no broker. */
async function readOnce(look: Context): Promise<Status> {
  await using reader = openStatus(look, { startsNoBroker: true });
  return reader.read();
}

async function readLettersOnce(look: Context): Promise<LetterGroup[]> {
  const options = { mayJoinBroker: true, topics: 'look', kafkaPatienceMs: 5_000, startsNoBroker: true } as const;
  await using platform = openPlatform(look, options);
  const { cluster } = await platform.kafka();
  return summarizeOpenLetters(cluster, look.log, { maxAnswerAgeMs: maxAnswerAgeMs(look.config), signal: look.signal });
}
