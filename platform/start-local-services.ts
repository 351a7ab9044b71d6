import { join } from 'node:path';
import { startLocalBroker } from '../kafka/broker/local-broker.ts';
import { BrokerError } from '../kafka/errors.ts';
import { tailOf } from '../runtime/child-server.ts';
import type { IngestError } from '../runtime/errors.ts';
import { TokenStoreError } from '../tmdb/token-bucket/errors.ts';
import { findServer, startLocalStore } from '../tmdb/token-bucket/local-store.ts';
import { type Context, toolsDir } from './context.ts';
import { brokerDir, tokenStoreDir } from './local-services.ts';

/** The broker and the token store of this machine. Disposing of them stops both; the broker's data stays. */
export interface StartedServices extends AsyncDisposable {
  /** `host:port` of each. */
  readonly addresses: { readonly kafka: string; readonly tokenStore: string };
  /** Resolves when one of them has ended by itself. */
  readonly lost: Promise<IngestError>;
}

/** @throws BrokerError if another `up` uses DATA_DIR, or the broker does not start; TokenStoreError if the token store does not start. */
export async function startLocalServices({ config, progress, signal }: Context): Promise<StartedServices> {
  const { dataDir, childEnvironment: env } = config;
  const onWait = (holder: string) =>
    progress.wait(`waiting for the end of ${holder}, which has a broker on ${dataDir}`);
  await using started = new AsyncDisposableStack();
  // The broker first: with it, this process holds the data folder.
  const broker = started.use(
    await startLocalBroker({
      ...{ dataDir: brokerDir(dataDir), jarsDir: join(toolsDir, 'kafka'), env, signal },
      ...{ isShared: true, onWait },
    }),
  );
  const { program } = findServer(env['PATH'] ?? '', toolsDir);
  const store = started.use(await startLocalStore({ dir: tokenStoreDir(dataDir), program, env, signal }));
  const both = started.move();
  return {
    addresses: { kafka: broker.brokers.join(), tokenStore: store.address },
    lost: Promise.race([
      broker.ended.then(() => new BrokerError(lostText('the local Kafka broker', broker.logFile))),
      store.ended.then(() => new TokenStoreError(lostText('the local token store', store.logFile))),
    ]),
    [Symbol.asyncDispose]: () => both.disposeAsync(),
  };
}

const lostText = (what: string, logFile: string): string =>
  `${what} has ended; the end of ${logFile}:\n${tailOf(logFile)}`;
