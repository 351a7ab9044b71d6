import { z } from 'zod';
import type { Context } from '../../platform/context.ts';
import { whenAborted } from '../../runtime/abort.ts';
import { ExitCode, messageOf, UsageError } from '../../runtime/errors.ts';
import { escapeControls } from '../../runtime/escape-controls.ts';
import { type Fault, parseFaults } from '../../sandbox/fault.ts';
import { startSandbox } from '../../sandbox/server.ts';
import { print } from '../engine/print.ts';

interface Sandbox {
  readonly host: string;
  readonly port: number;
  /** Minimum and maximum, in milliseconds. */
  readonly latency: readonly [number, number];
  /** Places on the popular list. */
  readonly drift: number;
  readonly faults: string | undefined;
  readonly version: number;
  readonly json: boolean;
}

export const sandboxShape = z.object({
  url: z.string().describe('its address, for TMDB_BASE_URL'),
  statsUrl: z.string().describe('address that shows the requests'),
});

/** `sandbox` */
export async function sandbox({ config, signal }: Context, options: Sandbox): Promise<number> {
  const { host, port, latency, drift, faults = '', version } = options;
  const { catalogueFile, movies, seed } = config.sandbox;
  await using running = await startSandbox({
    ...{ host, port, latencyMs: latency, pageDrift: drift, version },
    faults: faultsOf(faults),
    limit: config.tmdb.rateLimit,
    ...(catalogueFile ? { catalogueFile } : { movies, seed }),
  });
  const { url } = running;
  const statsUrl = new URL('/sandbox/stats', url).href;
  print(options, sandboxShape, { url, statsUrl }, `listening on ${url} (stats at /sandbox/stats); Ctrl-C stops it`);
  await whenAborted(signal);
  return ExitCode.done;
}

/** Checked here and not with the other options: this needs zod, and would add 0.1 s of CPU to the start of each command. @throws UsageError */
function faultsOf(text: string): Fault[] {
  try {
    return parseFaults(text);
  } catch (error) {
    throw new UsageError(`--faults: ${escapeControls(messageOf(error).replaceAll(/\s*\n\s*/g, ' '))}`);
  }
}
