import type { Gap } from '../../kafka/gap.ts';
import { services } from '../../pipeline/services.ts';
import { endsOf, loadBronze, loadedShape } from '../../pipeline/stages.ts';
import type { Context } from '../../platform/context.ts';
import { openPlatform } from '../../platform/platform.ts';
import { ExitCode } from '../../runtime/errors.ts';
import { print } from '../engine/print.ts';

interface Load {
  readonly once: boolean;
  readonly acceptGap: readonly Gap[];
  readonly json: boolean;
}

/** `load` */
export async function load(context: Context, options: Load): Promise<number> {
  const { acceptGap: acceptedGaps } = options;
  if (!options.once) {
    await services.load(context, { acceptedGaps });
    return ExitCode.done;
  }
  await using platform = openPlatform(context);
  const { rawMovies, rawGenres } = context.config.kafka.topics;
  const ends = await endsOf(platform, [rawMovies, rawGenres]);
  const loaded = await loadBronze(platform, context, { until: Promise.resolve(ends), acceptedGaps });
  context.signal.throwIfAborted();
  print(options, loadedShape, loaded, `loaded ${loaded.rows} rows, parked ${loaded.parked}`);
  return ExitCode.done;
}
