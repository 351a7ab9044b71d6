import type { Context } from '../platform/context.ts';
import { systemClock } from '../runtime/clock.ts';
import { startHealthServer } from '../runtime/health-server.ts';
import { observeProcess } from '../runtime/metrics.ts';
import { startCounters } from './start-counters.ts';

/**
 * Runs `work` as a service, with health and metrics at HTTP_LISTEN, until the first signal. Then `work`
 * drains; `shutdownSignal` limits the time.
 * @returns the result of `work`. @throws the error of `work`: if a part fails, the service has failed.
 */
export async function runAsService<T>(context: Context, work: () => Promise<T>): Promise<T> {
  const { config, log, health, metrics } = context;
  observeProcess(metrics);
  startCounters(context);
  await using resources = new AsyncDisposableStack();
  if (config.httpListen) {
    const server = resources.use(await startHealthServer(config.httpListen, health, metrics.registry));
    log.info({ url: server.url }, 'serving /healthz, /readyz and /metrics');
  }
  log.info('started');
  const over = new AbortController();
  resources.defer(() => over.abort());
  void tellReadiness(context, over.signal);
  const result = await work();
  log.info({ drained: context.signal.aborted }, 'ended');
  return result;
}

const readinessEveryMs = 2_000;

/** Updates the gauge that an alert uses, even if nothing requests `/readyz`. */
async function tellReadiness({ health, metrics }: Context, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    const { checks } = await health.readiness();
    for (const [dependency, result] of Object.entries(checks))
      metrics.ready.set({ dependency }, result === 'ok' ? 1 : 0);
    await systemClock.sleep(readinessEveryMs, over).catch(() => {});
  }
}
