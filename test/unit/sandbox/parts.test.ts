import { describe, expect, it } from 'vitest';
import type { Catalogue } from '../../../sandbox/catalogue.ts';
import { GeneratedCatalogue } from '../../../sandbox/catalogue-generated.ts';
import { MovieStates } from '../../../sandbox/movie-states.ts';
import { Routes } from '../../../sandbox/routes.ts';
import { knownParts } from '../../../tmdb/appended-parts.ts';

const generated = new GeneratedCatalogue({ movies: 1_000 });
const routesOf = (catalogue: Catalogue) => new Routes(catalogue, new MovieStates(), { pageDrift: 0, now: () => 0 });
const ask = (id: number, parts?: string, catalogue: Catalogue = generated): string => {
  const query = new URLSearchParams(parts === undefined ? {} : { append_to_response: parts });
  return routesOf(catalogue).answer(`/movie/${id}`, query).body.toString();
};
const ids = Array.from({ length: 200 }, (_, rank) => generated.idAtRank(rank)).filter((id) => !generated.isDeleted(id));
const id = ids[0] ?? 0;

describe('append_to_response of the sandbox', () => {
  it('adds the named parts after the keys of the details, whose bytes stay the same', () => {
    const details = ask(id);
    const appended = ask(id, 'keywords,credits');
    expect(appended.startsWith(details.slice(0, -1))).toBe(true);
    expect(Object.keys(JSON.parse(appended)).slice(-2)).toEqual(['keywords', 'credits']);
    expect(ask(id, 'keywords,credits')).toBe(appended);
  });

  it('ignores other names, as TMDb does', () => {
    for (const names of ['', 'images', 'toString']) expect(ask(id, names)).toBe(ask(id));
  });

  it('keeps a part that a recorded document has, and answers 404 for a deleted movie', () => {
    const recorded = '{"id":7,"credits":{"cast":[],"crew":[]}} ';
    const catalogue = { ...generated, document: () => Buffer.from(recorded) } as unknown as Catalogue;
    expect(ask(7, 'credits', catalogue)).toBe(recorded);
    expect(ask(0, 'credits')).toContain('"status_code":34');
  });

  it('makes an answer about ten times as large', () => {
    const bytes = (parts?: string) => ids.reduce((sum, movieId) => sum + ask(movieId, parts).length, 0);
    const ratio = bytes(knownParts.join()) / bytes();
    expect(ratio).toBeGreaterThan(7);
    expect(ratio).toBeLessThan(13);
  });
});
