import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parser } from '@prometheus-io/lezer-promql';
import { describe, expect, it } from 'vitest';
import { createMetrics, observeProcess } from '../../runtime/metrics.ts';
import { type Compose, interpolate, isOurs, wordsOf } from '../support/deploy/compose.ts';
import { environmentOf, parseDockerfile, stageOf } from '../support/deploy/dockerfile.ts';
import { installations, manifestsOf, processesOf } from '../support/deploy/kubernetes.ts';
import { read, readYaml, root } from '../support/deploy/project.ts';
import { units } from '../support/deploy/systemd-units.ts';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

interface Panel {
  readonly type: string;
  readonly title: string;
  readonly gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>>;
  readonly targets?: readonly { readonly expr: string }[];
}

const { groups } = readYaml<{ groups: readonly { name: string; rules: readonly Rule[] }[] }>(
  'deploy/prometheus/alerts.yml',
);
const rules = groups.flatMap(({ rules }) => rules);
const dashboard: { title: string; uid: string; panels: readonly Panel[] } = JSON.parse(
  read('deploy/grafana/dashboard.json'),
);
const anchors = [...read('docs/runbook.md').matchAll(/<a id="([\w-]+)"><\/a>/g)].map(([, anchor]) => anchor);

/** Series that Prometheus itself adds to a target. */
const ofTheTarget = ['job', 'instance', 'service'];

/** Every series that a service exposes → its labels. */
const series = await (async () => {
  const metrics = createMetrics('0.0.0');
  observeProcess(metrics);
  const known = new Map<string, readonly string[]>([['up', []]]);
  for (const { name, type } of await metrics.registry.getMetricsAsJSON()) {
    const { labelNames = [] } = metrics.registry.getSingleMetric(name) as unknown as { labelNames?: string[] };
    const isHistogram = String(type) === 'histogram';
    for (const suffix of isHistogram ? ['_bucket', '_sum', '_count'] : ['']) {
      known.set(name + suffix, suffix === '_bucket' ? [...labelNames, 'le'] : labelNames);
    }
  }
  return known;
})();

interface Selector {
  readonly metric: string;
  readonly labels: readonly string[];
}

/** The series that a query uses. @throws Error if it is not PromQL. */
function selectorsOf(query: string): Selector[] {
  const text = query.replaceAll('$__rate_interval', '5m');
  const selectors: { metric: string; labels: string[] }[] = [];
  parser.parse(text).iterate({
    enter: ({ name, type, from, to }) => {
      if (type.isError) throw new Error(`no PromQL at character ${from}: ${text}`);
      if (name === 'VectorSelector')
        selectors.push({ metric: /^\w+/.exec(text.slice(from, to))?.[0] ?? '', labels: [] });
      if (name === 'LabelName' && selectors.length > 0) selectors.at(-1)?.labels.push(text.slice(from, to));
    },
  });
  return selectors;
}

/** The series of a query that no service exposes. */
const unknownIn = (query: string): string[] =>
  selectorsOf(query).flatMap(({ metric, labels }) => {
    const known = series.get(metric);
    if (known === undefined) return [metric];
    return labels.filter((label) => ![...known, ...ofTheTarget].includes(label)).map((label) => `${metric}{${label}}`);
  });

describe('the alerts', () => {
  it('exist, each once', () => {
    expect(rules.length).toBeGreaterThan(15);
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    expect(new Set(groups.map(({ name }) => name)).size).toBe(groups.length);
  });

  it.each(rules)('[R9] $alert is complete, uses exposed metrics, and has a row in the runbook', (rule) => {
    expect(Object.keys(rule).sort()).toEqual(['alert', 'annotations', 'expr', 'for', 'labels']);
    expect(rule.alert).toMatch(/^Tmdb[A-Z]\w+$/);
    expect(rule.for).toMatch(/^\d+[smh]$/);
    expect(['warning', 'critical']).toContain(rule.labels['severity']);
    expect(Object.keys(rule.annotations).sort()).toEqual(['description', 'runbook_url', 'summary']);
    expect(unknownIn(rule.expr)).toEqual([]);
    const [page, anchor] = rule.annotations['runbook_url']?.split('#') ?? [];
    expect(page).toBe('{{ $externalLabels.runbook }}');
    expect(anchors).toContain(anchor);
  });

  it('cover every row of the runbook about alerts', () => {
    const named = new Set(rules.map(({ annotations }) => annotations['runbook_url']?.split('#')[1]));
    expect(anchors.filter((anchor) => !named.has(anchor))).toEqual([]);
  });

  it('match the settings in docker-compose.yml', () => {
    const { services } = readYaml<Compose>('docker-compose.yml');
    const exprOf = (alert: string) => rules.find((rule) => rule.alert === alert)?.expr ?? '';
    for (const [name, list] of [
      ['producer-popular', 'popular'],
      ['producer-changes', 'changes'],
      ['producer-export', 'export'],
      ['producer-genres', 'genres'],
    ] as const) {
      const hours = Number(/^(\d+)h$/.exec(wordsOf(services[name]?.command).at(-1) ?? '')?.[1]);
      // Two missed walks, and an hour for the third one.
      expect(exprOf('TmdbNoWalk')).toContain(`{list="${list}"}) > ${2 * hours + 1} * 3600`);
    }
    const [, megabytes] =
      /^(\d+)MB$/.exec(interpolate(String(services['loader']?.environment?.['LOAD_MAX_BYTES']))) ?? [];
    expect(exprOf('TmdbBufferFull')).toContain(`> 0.9 * ${megabytes}e6`);
  });

  it('detects a metric or a label that no service exposes, and an invalid query', () => {
    expect(unknownIn('rate(tmdb_request_total{outcome="429"}[5m]) > 0')).toEqual(['tmdb_request_total']);
    expect(unknownIn('sum(tmdb_requests_total{status="429"})')).toEqual(['tmdb_requests_total{status}']);
    expect(unknownIn('tmdb_flush_seconds_bucket{le="1"} > 0')).toEqual(['tmdb_flush_seconds_bucket']);
    expect(() => unknownIn('sum by (service (up)')).toThrow('no PromQL');
  });

  const promtool = process.env['PROMTOOL'] ?? 'promtool';
  it.runIf(spawnSync(promtool, ['--version']).status === 0)(
    'fire only when they should (if promtool is installed)',
    () => {
      const run = (...args: string[]) => {
        const { status, stdout, stderr } = spawnSync(promtool, args, {
          cwd: join(root, 'deploy/prometheus'),
          encoding: 'utf8',
        });
        expect(status, stdout + stderr).toBe(0);
      };
      for (const file of ['prometheus.yml', 'systemd.yml', 'kubernetes.yml']) run('check', 'config', file);
      run('test', 'rules', 'alerts.test.yml');
    },
  );
});

describe('alerts.test.yml', () => {
  it('has a case for every alert', () => {
    const cases = read('deploy/prometheus/alerts.test.yml');
    expect(rules.map(({ alert }) => alert).filter((alert) => !cases.includes(`alertname="${alert}"`))).toEqual([]);
  });
});

interface Job {
  readonly job_name: string;
  readonly static_configs: readonly { targets: readonly string[]; labels: Readonly<Record<string, string>> }[];
  readonly dns_sd_configs?: readonly { names: readonly string[]; port: number }[];
  readonly relabel_configs?: readonly {
    readonly source_labels: readonly string[];
    readonly regex?: string;
    readonly action?: string;
    readonly target_label?: string;
  }[];
}

interface Configuration {
  readonly global: { readonly external_labels: Readonly<Record<string, string>> };
  readonly rule_files: readonly string[];
  readonly scrape_configs: readonly Job[];
}

describe('prometheus.yml', () => {
  const config = readYaml<Configuration>('deploy/prometheus/prometheus.yml');

  it('scrapes every process of docker-compose.yml except the sandbox, at the port of the image', () => {
    const [job] = config.scrape_configs;
    const targets = [
      ...(job?.static_configs.flatMap(({ targets }) => targets) ?? []),
      ...(job?.dns_sd_configs?.flatMap(({ names, port }) => names.map((name) => `${name}:${port}`)) ?? []),
    ];
    const image = environmentOf(stageOf(parseDockerfile(read('Dockerfile'))));
    const port = image['HTTP_LISTEN']?.split(':').pop();
    const { services } = readYaml<Compose>('docker-compose.yml');
    const processes = Object.entries(services).filter(([name, service]) => isOurs(service) && name !== 'sandbox');
    expect(targets.sort()).toEqual(processes.map(([name]) => `${name}:${port}`).sort());
    for (const { targets, labels } of job?.static_configs ?? [])
      expect(targets).toEqual([`${labels['service']}:${port}`]);
    expect(config.rule_files).toEqual(['alerts.yml']);
    // The beginning of the links in the alerts.
    expect(config.global.external_labels).toEqual({ runbook: 'docs/runbook.md' });
    const mounted = services['prometheus']?.volumes?.map((volume) => interpolate(volume).split(':')[0]);
    expect(mounted).toContain('./deploy/prometheus/alerts.yml');
  });
});

describe('systemd.yml', () => {
  const { scrape_configs: jobs, ...others } = readYaml<Configuration>('deploy/prometheus/systemd.yml');

  it('scrapes each unit of deploy/systemd at its port, under the name of its service', () => {
    const scraped = jobs.flatMap((job) =>
      job.static_configs.map(({ targets, labels }) => [labels['service'], ...targets]),
    );
    // Of the fetchers, the first one.
    const exposed = units().map((unit) => [
      unit.name.replace('@', ''),
      unit.variable('HTTP_LISTEN')?.replace('%i', '1'),
    ]);
    expect(scraped.toSorted()).toEqual(exposed.toSorted());
  });

  it('has the same alerts as prometheus.yml, which select by the name of the job', () => {
    const { scrape_configs: inContainers, ...expected } = readYaml<Configuration>('deploy/prometheus/prometheus.yml');
    expect(others).toEqual(expected);
    expect(jobs.map((job) => job.job_name)).toEqual(inContainers.map((job) => job.job_name));
  });
});

describe('kubernetes.yml', () => {
  const { scrape_configs: jobs, ...others } = readYaml<Configuration>('deploy/prometheus/kubernetes.yml');

  it('has the same alerts as prometheus.yml, which select by the name of the job', () => {
    const { scrape_configs: inContainers, ...expected } = readYaml<Configuration>('deploy/prometheus/prometheus.yml');
    expect(others).toEqual(expected);
    expect(jobs.map((job) => job.job_name)).toEqual(inContainers.map((job) => job.job_name));
  });

  it('scrapes one port of each container, under the name of its service', () => {
    const rules = jobs.flatMap((job) => job.relabel_configs ?? []);
    expect(rules.at(-1)).toEqual({ source_labels: ['__meta_kubernetes_pod_container_name'], target_label: 'service' });
    const dropped = rules.flatMap(({ action, source_labels: [label], regex }) =>
      action === 'drop' && label === '__meta_kubernetes_pod_container_port_name' ? [regex] : [],
    );
    for (const installation of installations) {
      for (const { container, labels } of processesOf(manifestsOf(installation))) {
        expect(labels['app.kubernetes.io/name']).toBe('tmdb-stream');
        expect(container.ports.filter(({ name }) => !dropped.includes(name))).toHaveLength(1);
      }
    }
  });
});

describe('the dashboard', () => {
  const queries = dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => [title, expr] as const),
  );

  it.each(queries)('uses exposed metrics: %s', (_, expr) => {
    expect(unknownIn(expr)).toEqual([]);
  });

  it('shows every metric of the project', () => {
    const shown = new Set(queries.flatMap(([, expr]) => selectorsOf(expr).map(({ metric }) => metric)));
    const ours = [...series.keys()].filter((name) => name.startsWith('tmdb_') && !/_(sum|count)$/.test(name));
    expect(ours.filter((name) => !shown.has(name))).toEqual([]);
  });

  it('has panels that do not overlap, within 24 columns', () => {
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(Math.max(...cells.map((cell) => Number(cell.split(',')[0])))).toBeLessThan(24);
  });
});
