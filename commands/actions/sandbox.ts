import type { Context } from '../../platform/context.ts';
import { whenAborted } from '../../runtime/abort.ts';
import { ExitCode } from '../../runtime/errors.ts';
import { parseFaults } from '../../sandbox/fault.ts';
import { startSandbox } from '../../sandbox/server.ts';

interface Sandbox {
  readonly host: string;
  readonly port: number;
  /** Minimum and maximum, in milliseconds. */
  readonly latency: readonly [number, number];
  /** Places on the popular list. */
  readonly drift: number;
  readonly faults: string | undefined;
  readonly version: number;
}

/** `sandbox` */
export async function sandbox({ config, signal }: Context, options: Sandbox): Promise<number> {
  const { host, port, latency, drift, faults = '', version } = options;
  const { catalogueFile, movies, seed } = config.sandbox;
  await using running = await startSandbox({
    ...{ host, port, latencyMs: latency, pageDrift: drift, version },
    faults: parseFaults(faults),
    limit: config.tmdb.rateLimit,
    ...(catalogueFile ? { catalogueFile } : { movies, seed }),
  });
  process.stdout.write(`listening on ${running.url} (stats at /sandbox/stats); Ctrl-C stops it\n`);
  await whenAborted(signal);
  return ExitCode.done;
}
