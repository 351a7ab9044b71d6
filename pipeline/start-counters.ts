import { movieOutcomes } from '../consumers/fetcher.ts';
import type { Context } from '../platform/context.ts';
import { deadLetterReasons } from '../schemas/dead-letter-reasons.ts';
import { idTopics } from '../schemas/topics.ts';
import { endpoints } from '../tmdb/endpoint.ts';
import { roundOutcomes } from '../transform/scheduler.ts';

/** Outcomes of requests that alerts and the dashboard name. Others, such as 502, exist from their first answer. */
const requestOutcomes = ['200', '401', '403', '404', '429', 'failed'];

/**
 * Sets each counter to 0 for all values of its labels that are known. Prometheus sees an increase only of a counter that it has
 * scraped before.
 */
export function startCounters({ config, metrics }: Pick<Context, 'config' | 'metrics'>): void {
  const { topics, groups } = config.kafka;
  for (const endpoint of endpoints)
    for (const outcome of requestOutcomes) metrics.requests.inc({ endpoint, outcome }, 0);
  for (const list of ['popular', 'changes', 'export', 'genres']) metrics.itemsSkipped.inc({ list }, 0);
  metrics.pagesFailed.inc({ list: 'popular' }, 0);
  for (const outcome of movieOutcomes) metrics.movies.inc({ outcome }, 0);
  for (const reason of deadLetterReasons) metrics.deadLetters.inc({ reason }, 0);
  for (const { name: topic } of [...idTopics(topics), topics.rawGenres]) metrics.recordsIgnored.inc({ topic }, 0);
  for (const group of [groups.fetcher, groups.fetcherBackfill, groups.loader]) metrics.rebalances.inc({ group }, 0);
  for (const status of roundOutcomes) metrics.dbtRuns.inc({ status }, 0);
}
