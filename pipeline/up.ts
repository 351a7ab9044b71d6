import type { Context } from '../platform/context.ts';
import { type StartedServices, startLocalServices } from '../platform/start-local-services.ts';
import { whenAborted } from '../runtime/abort.ts';
import { runAsService } from './service.ts';

/**
 * Runs the broker and the token store that the commands on DATA_DIR share, until the context's signal aborts.
 * @param onStarted is called when both accept connections. @throws BrokerError, TokenStoreError if one does not start or has ended.
 */
export async function up(context: Context, onStarted: (services: StartedServices) => void): Promise<void> {
  const { health, signal } = context;
  await runAsService(context, async () => {
    let isStarted = false;
    health.dependsOn('kafka', async () => {
      if (!isStarted) throw new Error('starting');
    });
    await using services = await startLocalServices(context);
    isStarted = true;
    onStarted(services);
    const lost = await Promise.race([services.lost, whenAborted(signal)]);
    if (lost && !signal.aborted) throw lost;
  });
}
