import { dayMs } from '../runtime/days.ts';
import { type Answer, errorAnswer, okAnswer } from './answers.ts';
import type { Catalogue } from './catalogue.ts';
import { drawParts, withParts } from './generated/parts.ts';
import type { MovieStates } from './movie-states.ts';
import { hash32 } from './random.ts';

/** Cache lifetimes in seconds, similar to TMDb's. */
const maxAge = { details: 21_600, popular: 14_400, genres: 28_800, changes: 600 };
const popularPageSize = 20;
const changesPageSize = 100;
const lastPage = 500;
const mostDays = 14;

export interface RoutesOptions {
  /** Positions by which movies move on the popular list between two of its pages. */
  readonly pageDrift: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** TMDb's paths below `/3`. */
export class Routes {
  readonly #catalogue: Catalogue;
  readonly #states: MovieStates;
  readonly #options: RoutesOptions;
  #popularPagesServed = 0;

  constructor(catalogue: Catalogue, states: MovieStates, options: RoutesOptions) {
    this.#catalogue = catalogue;
    this.#states = states;
    this.#options = options;
  }

  /** @param path below `/3`, such as `/movie/550`. */
  answer(path: string, query: URLSearchParams): Answer {
    switch (path) {
      case '/movie/popular':
        return this.#popular(query);
      case '/movie/changes':
        return this.#changes(query);
      case '/genre/movie/list':
        return toJson({ genres: this.#catalogue.genres }, maxAge.genres);
      default:
        return this.#movie(path, query);
    }
  }

  #movie(path: string, query: URLSearchParams): Answer {
    const id = Number(/^\/movie\/(\d+)(?:-[^/]*)?$/.exec(path)?.[1]);
    const document = this.#states.exists(id) ? this.#catalogue.document(id) : null;
    if (!document) return errorAnswer(34);
    const parts = (query.get('append_to_response') ?? '').split(',');
    return okAnswer(withParts(document, drawParts(id, parts)), maxAge.details);
  }

  #popular(query: URLSearchParams): Answer {
    const page = pageOf(query);
    if (page === null) return errorAnswer(22);
    const { size } = this.#catalogue;
    const moment = this.#popularPagesServed;
    this.#popularPagesServed += 1;
    const first = (page - 1) * popularPageSize;
    const results = [];
    for (let rank = first; rank < Math.min(first + popularPageSize, size); rank += 1) {
      const item = this.#catalogue.listItem(drifted(rank, size, this.#options.pageDrift, moment));
      if (this.#states.isPopular(item.id)) results.push(item);
    }
    return toJson({ page, results, ...totals(size, popularPageSize) }, maxAge.popular);
  }

  #changes(query: URLSearchParams): Answer {
    const page = pageOf(query);
    if (page === null) return errorAnswer(22);
    const days = daysOf(query, Math.floor(this.#options.now() / dayMs));
    if (days === null) return errorAnswer(20);
    const changed = new Set<number>();
    for (let day = days.first; day <= days.last; day += 1) {
      for (const id of this.#catalogue.changedOn(day)) changed.add(id);
      for (const id of this.#states.changedOn(day)) changed.add(id);
    }
    const first = (page - 1) * changesPageSize;
    const results = [...changed].slice(first, first + changesPageSize).map((id) => {
      // Sometimes TMDb does not know it yet.
      const flag = hash32(id, 1) % 50 === 0 ? null : false;
      return { id, adult: flag, softcore: flag };
    });
    return toJson({ results, page, ...totals(changed.size, changesPageSize) }, maxAge.changes);
  }
}

const toJson = (value: unknown, maxAgeSeconds: number) => okAnswer(Buffer.from(JSON.stringify(value)), maxAgeSeconds);

/** Like TMDb, the total includes pages that it would refuse to serve. */
const totals = (count: number, pageSize: number) => ({
  total_pages: Math.ceil(count / pageSize),
  total_results: count,
});

/** null if TMDb would refuse it. */
function pageOf(query: URLSearchParams): number | null {
  const text = query.get('page') ?? '1';
  const page = /^\d+$/.test(text) ? Number(text) : 0;
  return page >= 1 && page <= lastPage ? page : null;
}

/** The requested days, from the beginning of the first to the beginning of the end; null if TMDb would refuse them. */
function daysOf(query: URLSearchParams, today: number): { readonly first: number; readonly last: number } | null {
  const end = parseDay(query.get('end_date')) ?? today + 1;
  const first = parseDay(query.get('start_date')) ?? end - 2;
  return end - first >= 0 && end - first <= mostDays ? { first, last: Math.max(first, end - 1) } : null;
}

/** Days since the epoch; null without a value; NaN for an invalid date. */
function parseDay(text: string | null): number | null {
  if (text === null || text === '') return null;
  return /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) / dayMs : Number.NaN;
}

/**
 * The movie at `rank` at a moment, from its rank at rest. The list is divided into blocks whose borders move,
 * and each block is rotated: every movie stays on the list, near its position, but a walk that takes time
 * sees some movies twice and misses others. A pure function, so nothing is stored.
 */
export function drifted(rank: number, size: number, drift: number, moment: number): number {
  if (drift === 0) return rank;
  const block = 2 * popularPageSize;
  const offset = (moment * 7) % block;
  const start = rank - ((rank + offset) % block);
  if (start < 0 || start + block > size) return rank;
  const rotation = hash32(start + offset, moment) % (drift + 1);
  return start + ((rank - start + rotation) % block);
}
