import { setTimeout as delay } from 'node:timers/promises';
import { parser } from '@prometheus-io/lezer-promql';
import type { Service } from '../processes/fleet.ts';

type SyntaxNode = ReturnType<typeof parser.parse>['topNode'];

/** One value of a series, with its labels. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly points: { readonly atMs: number; readonly value: number }[];
}

/** Older values are ignored, as in Prometheus. */
const lookbackMs = 300_000;

/** Metrics scraped from services, stored as Prometheus stores them. */
export class ScrapedSeries {
  readonly #series = new Map<string, Series>();

  /** @param labels of the target. @param text the response of `/metrics`; null if there was none. @param atMs of the scrape. */
  add(labels: Readonly<Record<string, string>>, text: string | null, atMs: number): void {
    this.#addPoint({ ...labels, __name__: 'up' }, text === null ? 0 : 1, atMs);
    for (const line of (text ?? '').split('\n')) {
      const [, name, own = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      if (name === undefined) continue;
      const pairs = [...own.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key, text] as const);
      this.#addPoint({ ...Object.fromEntries(pairs), ...labels, __name__: name }, Number(value), atMs);
    }
  }

  /** The points of each series that `matches`, from after `fromMs` to `toMs`. */
  select(matches: (labels: Readonly<Record<string, string>>) => boolean, fromMs: number, toMs: number): Series[] {
    return [...this.#series.values()]
      .filter(({ labels }) => matches(labels))
      .map(({ labels, points }) => ({ labels, points: points.filter(({ atMs }) => atMs > fromMs && atMs <= toMs) }))
      .filter(({ points }) => points.length > 0);
  }

  #addPoint(labels: Readonly<Record<string, string>>, value: number, atMs: number): void {
    const key = JSON.stringify(Object.entries(labels).toSorted());
    const series = this.#series.get(key) ?? { labels, points: [] };
    series.points.push({ atMs, value });
    this.#series.set(key, series);
  }
}

/** Scrapes the services every `everyMs`, until it is disposed of. */
export function scrape(
  services: readonly Service[],
  everyMs: number,
): { readonly series: ScrapedSeries } & AsyncDisposable {
  const [series, over] = [new ScrapedSeries(), new AbortController()];
  const scrapeAll = async () => {
    while (!over.signal.aborted) {
      const atMs = Date.now();
      await Promise.all(
        services.map(async (service) => {
          const text = await service.get('/metrics').then(
            (answer) => answer.text,
            () => null,
          );
          series.add({ job: 'tmdb-stream', service: service.name }, text, atMs);
        }),
      );
      await delay(everyMs, undefined, { signal: over.signal }).catch(() => {});
    }
  };
  const scraping = scrapeAll();
  return {
    series,
    [Symbol.asyncDispose]: async () => {
      over.abort();
      await scraping;
    },
  };
}

const durationMs = (text: string): number => {
  const [, count, unit] = /^(\d+)([smh])$/.exec(text) ?? [];
  if (count === undefined) throw new Error(`not supported: ${text}`);
  return Number(count) * { s: 1_000, m: 60_000, h: 3_600_000 }[unit as 's' | 'm' | 'h'];
};

const keyOf = ({ labels: { __name__: _, ...others } }: Sample): string =>
  JSON.stringify(Object.entries(others).toSorted());

/**
 * The value of a query at a time. Supports only the part of PromQL that alerts about services, readiness, restarts and credentials use.
 * @throws Error for any other query.
 */
export function evaluate(query: string, series: ScrapedSeries, atMs: number): readonly Sample[] {
  const text = (node: SyntaxNode) => query.slice(node.from, node.to);
  const child = (node: SyntaxNode, ...names: string[]) =>
    names.map((name) => node.getChild(name)).find(Boolean) ?? null;

  const matchersOf = (selector: SyntaxNode) =>
    (selector.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? []).map((matcher) => {
      const [, label = '', operator, value = ''] = /^(\w+)\s*(=~|=)\s*"(.*)"$/.exec(text(matcher)) ?? [];
      if (operator === undefined) throw new Error(`not supported: ${text(matcher)}`);
      return { label, operator, value };
    });

  const matcherOf = (selector: SyntaxNode) => {
    const [name] = /^\w+/.exec(text(selector)) ?? [''];
    const matchers = matchersOf(selector);
    return (labels: Readonly<Record<string, string>>) =>
      labels['__name__'] === name &&
      matchers.every(({ label, operator, value }) =>
        operator === '=' ? labels[label] === value : new RegExp(`^(?:${value})$`).test(labels[label] ?? ''),
      );
  };

  const aggregate = (node: SyntaxNode): Sample[] => {
    const by = node.getChild('AggregateModifier')?.getChild('GroupingLabels')?.getChildren('LabelName').map(text) ?? [];
    const groups = new Map<string, { labels: Record<string, string>; values: number[] }>();
    const body = node.getChild('FunctionCallBody')?.firstChild;
    for (const { labels, value } of body ? vectorOf(body) : []) {
      const kept = Object.fromEntries(by.map((label) => [label, labels[label] ?? '']));
      const group = groups.get(JSON.stringify(kept)) ?? { labels: kept, values: [] };
      group.values.push(value);
      groups.set(JSON.stringify(kept), group);
    }
    const reduce = { min: Math.min, max: Math.max, sum: (...values: number[]) => values.reduce((a, b) => a + b, 0) };
    const operator = reduce[text(node.getChild('AggregateOp') ?? node) as keyof typeof reduce];
    if (!operator) throw new Error(`not supported: ${text(node)}`);
    return [...groups.values()].map(({ labels, values }) => ({ labels, value: operator(...values) }));
  };

  /** `absent(selector)`. */
  const absent = (node: SyntaxNode): Sample[] => {
    const selector = node.getChild('FunctionCallBody')?.getChild('VectorSelector');
    if (!selector) throw new Error(`not supported: ${text(node)}`);
    const labels = Object.fromEntries(matchersOf(selector).map(({ label, value }) => [label, value]));
    return vectorOf(selector).length > 0 ? [] : [{ labels, value: 1 }];
  };

  /**
   * `changes(selector[duration])`, `avg_over_time(selector[duration])` and, without Prometheus's extrapolation,
   * `increase(selector[duration])`.
   */
  const overRange = (node: SyntaxNode): Sample[] => {
    const matrix = node.getChild('FunctionCallBody')?.getChild('MatrixSelector');
    const selector = matrix?.getChild('VectorSelector');
    const [, range = ''] = /\[(\w+)\]$/.exec(matrix ? text(matrix) : '') ?? [];
    const [name = ''] = /^\w+/.exec(text(node)) ?? [];
    const functions: Record<string, (values: readonly number[]) => number> = {
      changes: (values) => values.filter((value, index) => index > 0 && value !== values[index - 1]).length,
      avg_over_time: (values) => values.reduce((a, b) => a + b, 0) / values.length,
      // A counter that became smaller started again at 0.
      increase: (values) =>
        values.reduce((sum, value, index) => {
          const before = values[index - 1] ?? value;
          return sum + (value < before ? value : value - before);
        }, 0),
    };
    const reduce = functions[name];
    if (!reduce || !selector) throw new Error(`not supported: ${text(node)}`);
    return series
      .select(matcherOf(selector), atMs - durationMs(range), atMs)
      .map(({ labels, points }) => ({ labels, value: reduce(points.map(({ value }) => value)) }));
  };

  const latest = (selector: SyntaxNode, at: number): Sample[] =>
    series
      .select(matcherOf(selector), at - lookbackMs, at)
      .map(({ labels, points }) => ({ labels, value: points.at(-1)?.value ?? Number.NaN }));

  /** `selector offset duration`. After `a unless b`, the grammar takes the offset of `b` for one of the whole expression. */
  const earlier = (node: SyntaxNode): Sample[] => {
    const inner = node.firstChild;
    const [, ago = ''] = /offset\s+(\w+)$/.exec(text(node)) ?? [];
    const [left, selector] = inner?.name === 'BinaryExpr' ? [inner.firstChild, inner.lastChild] : [null, inner];
    if (!inner || selector?.name !== 'VectorSelector') throw new Error(`not supported: ${text(node)}`);
    const samples = latest(selector, atMs - durationMs(ago));
    return left ? combine(inner, vectorOf(left), samples) : samples;
  };

  /** `or` and `unless`, which match samples by their labels except the name. */
  const combine = (node: SyntaxNode, ours: readonly Sample[], theirs: readonly Sample[]): Sample[] => {
    const without = (samples: readonly Sample[], others: readonly Sample[]) => {
      const keys = new Set(others.map(keyOf));
      return samples.filter((sample) => !keys.has(keyOf(sample)));
    };
    return node.getChild('Or') ? [...ours, ...without(theirs, ours)] : without(ours, theirs);
  };

  const binary = (node: SyntaxNode): Sample[] => {
    const [left, right] = [node.firstChild, node.lastChild];
    if (left && right && child(node, 'Or', 'Unless')) return combine(node, vectorOf(left), vectorOf(right));
    const operator = child(node, 'Eql', 'Gtr', 'Lss');
    if (!left || right?.name !== 'NumberDurationLiteral' || !operator) throw new Error(`not supported: ${text(node)}`);
    const limit = Number(text(right));
    const holds = { Eql: (x: number) => x === limit, Gtr: (x: number) => x > limit, Lss: (x: number) => x < limit };
    return vectorOf(left).filter(({ value }) => holds[operator.name as keyof typeof holds](value));
  };

  const vectorOf = (node: SyntaxNode): Sample[] => {
    switch (node.name) {
      case 'VectorSelector':
        return latest(node, atMs);
      case 'OffsetExpr':
        return earlier(node);
      case 'AggregateExpr':
        return aggregate(node);
      case 'FunctionCall':
        return text(node).startsWith('absent') ? absent(node) : overRange(node);
      case 'BinaryExpr':
        return binary(node);
      default:
        throw new Error(`not supported: ${text(node)}`);
    }
  };

  const root = parser.parse(query.trim()).topNode.firstChild;
  if (!root) throw new Error(`no query: ${query}`);
  return vectorOf(root);
}
