import { startHealthServer } from '../lib/health-server.ts';
import { observeProcess } from '../lib/metrics.ts';
import type { Context } from './platform.ts';

/**
 * Runs `work` as a service: with health and metrics served where HTTP_LISTEN says, until the first signal. What `work`
 * does after that is its drain; who bounds it is `shutdownSignal`.
 * @returns what `work` returned. @throws what `work` threw: a service whose part died is a dead service.
 */
export async function runAsService<T>(context: Context, name: string, work: () => Promise<T>): Promise<T> {
  const { config, log, health, metrics } = context;
  observeProcess(metrics);
  await using resources = new AsyncDisposableStack();
  if (config.httpListen) {
    const server = resources.use(await startHealthServer(config.httpListen, health, metrics.registry));
    log.info({ service: name, url: server.url }, 'serves /healthz, /readyz and /metrics');
  }
  log.info({ service: name }, 'started');
  const result = await work();
  log.info({ service: name, drained: context.signal.aborted }, 'ended');
  return result;
}
