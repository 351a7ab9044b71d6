import { expect, it } from 'vitest';
import { startCounters } from '../../../pipeline/start-counters.ts';
import { loadConfig } from '../../../platform/config.ts';
import { createMetrics } from '../../../runtime/metrics.ts';
import { read } from '../../support/deploy/project.ts';

async function countersAtStart() {
  const metrics = createMetrics('test');
  startCounters({ config: loadConfig({ KAFKA_TOPIC_PREFIX: 'staging.' }), metrics });
  return (await metrics.registry.getMetricsAsJSON()).filter(({ type }) => String(type) === 'counter');
}

it('creates each counter at 0, with all known values of its labels', async () => {
  const counters = await countersAtStart();
  expect(counters.length).toBeGreaterThan(10);
  expect(counters.filter(({ values }) => values.length === 0).map(({ name }) => name)).toEqual([]);
  expect(counters.flatMap(({ values }) => values).filter(({ value }) => value !== 0)).toEqual([]);
  const valuesOf = (counter: string, label: string) => [
    ...new Set(counters.find(({ name }) => name === counter)?.values.map(({ labels }) => labels[label])),
  ];
  expect(valuesOf('tmdb_requests_total', 'endpoint')).toEqual(['movie', 'popular', 'changes', 'genres']);
  expect(valuesOf('tmdb_rebalances_total', 'group')).toEqual([
    'staging.tmdb.fetcher',
    'staging.tmdb.fetcher-backfill',
    'staging.tmdb.loader',
  ]);
  expect(valuesOf('tmdb_dead_letters_total', 'reason')).toContain('attempts_exhausted');
});

it('creates each series of a counter that an alert or the dashboard names', async () => {
  const counters = await countersAtStart();
  const queries = read('deploy/prometheus/alerts.yml') + read('deploy/grafana/dashboard.json').replaceAll('\\"', '"');
  const named = [...queries.matchAll(/\b(tmdb_\w+_total)\{(\w+)=~?"([^"]+)"\}/g)].flatMap(
    ([, counter = '', label = '', values = '']) => values.split('|').map((value) => ({ counter, label, value })),
  );
  expect(named.length).toBeGreaterThan(5);
  const missing = named.filter(
    ({ counter, label, value }) =>
      !counters.find(({ name }) => name === counter)?.values.some(({ labels }) => labels[label] === value),
  );
  expect(missing).toEqual([]);
});
