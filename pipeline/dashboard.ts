import { basename } from 'node:path';
import { readDefinitions } from '../dashboard/definitions.ts';
import { type ReadOperations, sharedStatus } from '../dashboard/operations.ts';
import { startDashboardServer } from '../dashboard/server.ts';
import { createSite } from '../dashboard/site.ts';
import { keepHeapSmall } from '../dashboard/small-heap.ts';
import type { Context } from '../platform/context.ts';
import { goldSource, warehouseAccess } from '../platform/warehouse.ts';
import { whenAborted } from '../runtime/abort.ts';
import { systemClock } from '../runtime/clock.ts';
import { Health } from '../runtime/health.ts';
import { runAsService } from './service.ts';
import { openStatus } from './status.ts';

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
      else log.warn({ problem }, 'GOLD cannot be read: the last copy stays, and the dashboard tries again');
    });
    health.dependsOn('gold', async () => void gold.version());
    // Only the fetchers need a token, so its absence says nothing here. The default data folder is named after the origin.
    const remark = basename(config.dataDir) === 'generated' ? inventedMovies : null;
    const readOperations = sharedStatus(
      statusReader(context),
      () => systemClock.monotonic(),
      warehouseAccess(context).statusEveryMs,
    );
    const site = createSite({ gold, definitions: readDefinitions(), readOperations, remark });
    await using server = await startDashboardServer({ ...config.dashboard, site, log });
    onStarted(server.url);
    await whenAborted(signal);
  });
}

const inventedMovies = 'These movies are invented: a sandbox stands in for TMDb until TMDB_TOKEN is set.';

/** Opens everything for one status and closes it: between two looks the dashboard has no connection. Starts no broker. */
const statusReader =
  (context: Context): ReadOperations =>
  async () => {
    // The dashboard is ready without Kafka: what is out of reach here is on the page, not in /readyz.
    const look = { ...context, health: new Health(systemClock, context.config.secrets) };
    await using reader = openStatus(look, { startsNoBroker: true });
    return reader.read();
  };
