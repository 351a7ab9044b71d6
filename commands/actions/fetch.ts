import { movieOutcomesShape } from '../../consumers/fetcher.ts';
import { fetchMovies } from '../../pipeline/fetch-movies.ts';
import { services } from '../../pipeline/services.ts';
import { endsOf } from '../../pipeline/stages.ts';
import type { Context } from '../../platform/context.ts';
import { openPlatform } from '../../platform/platform.ts';
import { ExitCode } from '../../runtime/errors.ts';
import { idTopics } from '../../schemas/topics.ts';
import { print } from '../engine/print.ts';

interface Fetch {
  readonly once: boolean;
  readonly json: boolean;
}

/** `fetch` */
export async function fetchDetails(context: Context, options: Fetch): Promise<number> {
  if (!options.once) {
    await services.fetch(context);
    return ExitCode.done;
  }
  await using platform = openPlatform(context);
  const until = await endsOf(platform, idTopics(context.config.kafka.topics));
  const outcomes = await fetchMovies(platform, context, until);
  context.signal.throwIfAborted();
  print(
    options,
    movieOutcomesShape,
    outcomes,
    `fetched ${outcomes.fetched}, gone ${outcomes.gone}, parked ${outcomes.parked}`,
  );
  return ExitCode.done;
}
