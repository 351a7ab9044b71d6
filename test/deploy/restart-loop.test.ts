import { describe, expect, it } from 'vitest';
import { readYaml } from '../support/deploy/project.ts';
import { evaluate, ScrapedSeries } from '../support/deploy/promql.ts';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
}
const { groups } = readYaml<{ groups: readonly { readonly rules: readonly Rule[] }[] }>('deploy/prometheus/alerts.yml');
const { global } = readYaml<{ global: { readonly scrape_interval: string } }>('deploy/prometheus/prometheus.yml');

const secondsOf = (duration: string): number =>
  Number.parseInt(duration, 10) * (duration.endsWith('m') ? 60 : duration.endsWith('h') ? 3_600 : 1);

const everySeconds = secondsOf(global.scrape_interval);
const rules = groups
  .flatMap(({ rules }) => rules)
  .filter(({ alert }) => ['TmdbServiceDown', 'TmdbServiceRestarts'].includes(alert));

/** The start and the end of one process, in seconds. It exposes metrics from one second after its start. */
interface Life {
  readonly from: number;
  readonly to: number;
}

/** How long (s) each supervisor waits before it starts a process that has ended for the `n`-th time in a row. */
const supervisors: Readonly<Record<string, (n: number, lived: number) => number>> = {
  docker: (n, lived) => (lived > 10 ? 0.1 : Math.min(60, 0.1 * 2 ** n)),
  'systemd with RestartSec=5s': () => 5,
  'systemd with its defaults': () => 0.1,
};

const [loopAt, end] = [600, 1_200];

function livesOf(restartAfter: (n: number, lived: number) => number, seconds: number): Life[] {
  const lives: Life[] = [{ from: 0, to: loopAt }];
  for (let n = 0, from = loopAt + 0.1; from < end; n += 1) {
    lives.push({ from, to: from + seconds });
    from += seconds + restartAfter(n, seconds);
  }
  return lives;
}

/** Scrapes the processes, and evaluates the rules after each scrape. @returns alert → seconds when it was pending, and fired first. */
function alertsOf(lives: readonly Life[]): Map<string, { readonly pendingAt: number; firedAt?: number }> {
  const series = new ScrapedSeries();
  const since = new Map<string, number>();
  const seen = new Map<string, { readonly pendingAt: number; firedAt?: number }>();
  for (let at = 3; at < end; at += everySeconds) {
    const life = lives.find(({ from, to }) => from + 1 <= at && at < to);
    const text = life ? `process_start_time_seconds ${Math.round(life.from)}\n` : null;
    // The process has started before the first scrape.
    for (const service of ['loader', 'fetcher'])
      series.add({ job: 'tmdb-stream', service, instance: service }, service === 'loader' ? text : 'x 1\n', at * 1_000);
    for (const { alert, expr, for: pending } of rules) {
      if (evaluate(expr, series, at * 1_000).length === 0) {
        since.delete(alert);
        continue;
      }
      const from = since.get(alert) ?? at;
      since.set(alert, from);
      const known = seen.get(alert) ?? { pendingAt: at };
      seen.set(alert, known);
      if (at - from >= secondsOf(pending)) known.firedAt ??= at;
    }
  }
  return seen;
}

describe('an alert about a service, at the scrape interval of prometheus.yml', () => {
  const loops = Object.entries(supervisors).flatMap(([supervisor, restartAfter]) =>
    [1.5, 2, 3, 5, 8, 12, 20, 40].map((seconds) => [seconds, supervisor, restartAfter] as const),
  );

  it.each(loops)(
    '[R9] notices a service that ends after %d s and is started again by %s',
    (seconds, _, restartAfter) => {
      const alerts = [...alertsOf(livesOf(restartAfter, seconds)).values()];
      expect(Math.min(...alerts.map(({ pendingAt }) => pendingAt)) - loopAt).toBeLessThan(3 * 60);
      expect(Math.min(...alerts.map(({ firedAt = Number.POSITIVE_INFINITY }) => firedAt)) - loopAt).toBeLessThan(
        4 * 60,
      );
    },
  );

  it('ignores three restarts within a quarter of an hour', () => {
    const restarts = [loopAt, loopAt + 200, loopAt + 400];
    const lives = [0, ...restarts.map((at) => at + 20)].map((from, index) => ({ from, to: restarts[index] ?? end }));
    expect([...alertsOf(lives).values()].filter(({ firedAt }) => firedAt !== undefined)).toEqual([]);
  });
});
