import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type PopularWalk, producePopular } from '../../producers/popular.ts';
import { createLogger } from '../../runtime/logger.ts';
import { GeneratedCatalogue } from '../../sandbox/catalogue-generated.ts';
import { type SandboxOptions, startSandbox } from '../../sandbox/server.ts';
import type { MovieId } from '../../schemas/records.ts';
import { ManualClock } from '../support/clock/manual-clock.ts';
import { MemorySink } from '../support/kafka/memory-sink.ts';
import { FetcherStage } from '../support/tmdb/fetcher-stage.ts';
import { serve } from '../support/tmdb/http-server.ts';

/** The walk over the popular list, over real HTTP, while the list changes. */
describe('a walk', () => {
  let clock: ManualClock;
  let movieIds: MemorySink<MovieId>;
  let opened: AsyncDisposable[];

  beforeEach(() => {
    clock = new ManualClock();
    movieIds = new MemorySink();
    opened = [];
  });
  afterEach(async () => {
    for (const resource of opened.reverse()) await resource[Symbol.asyncDispose]();
  });

  const walk = (baseUrl: string): Promise<PopularWalk> => {
    // The client and the clock are those of the fetcher; its topics are not used.
    const stage = new FetcherStage({ baseUrl, clock });
    opened.push(stage);
    const ports = { tmdb: stage.tmdb, movieIds, known: new Map(), clock, log: createLogger('silent', []) };
    return stage.finish(producePopular(ports, { pages: 500, refreshAfterMs: 0 }, new AbortController().signal));
  };
  const published = () => movieIds.values.map(({ movieId }) => movieId);
  const sandboxWith = async (options: SandboxOptions) => {
    const sandbox = await startSandbox({ clock, ...options });
    opened.push(sandbox);
    return sandbox;
  };

  it('[P1 R43] over pages that shift publishes no id twice, and a few walks publish all ids', async () => {
    const movies = 600;
    const catalogue = new GeneratedCatalogue({ seed: 1, movies });
    const all = Array.from({ length: movies }, (_, rank) => catalogue.idAtRank(rank));
    const sandbox = await sandboxWith({ movies, pageDrift: 5 });
    const seen = new Set<number>();
    const missing: number[] = [];
    while (seen.size < movies && missing.length < 10) {
      movieIds.records.length = 0;
      const { found, pagesRead } = await walk(sandbox.url);
      expect(pagesRead).toBe(movies / 20);
      expect(new Set(published()).size).toBe(published().length);
      expect(published()).toHaveLength(found);
      for (const id of published()) seen.add(id);
      missing.push(movies - seen.size);
    }
    console.info(`not seen after each walk over shifting pages: ${missing.join(', ')}`);
    // The pages have shifted.
    expect(missing[0]).toBeGreaterThan(0);
    expect([...seen].sort((a, b) => a - b)).toEqual(all.toSorted((a, b) => a - b));
  });

  it('[R43] over more than 500 pages ends with the last page that TMDb shows', async () => {
    const sandbox = await sandboxWith({ movies: 11_000 });
    expect(await walk(sandbox.url)).toMatchObject({ pagesRead: 500, pagesFailed: 0, published: 10_000 });
    expect(sandbox.stats()).toMatchObject({ requests: 500, byStatus: { 200: 500 } });
  });

  it('[R43] ends with the list, whether its total shrinks or grows, a page is empty, or a page lists a movie twice', async () => {
    // Page → its movies and the total that it claims.
    const pages: Readonly<Record<string, readonly [readonly number[], number]>> = {
      1: [[1, 2, 2, 3], 9],
      2: [[], 9],
      3: [[3, 4, 1], 3],
      4: [[5], 5],
      5: [[6], 4],
    };
    const server = await serve((request, response) => {
      const page = new URL(request.url ?? '', 'http://localhost').searchParams.get('page') ?? '';
      const [ids, total_pages] = pages[page] ?? [[], 0];
      const body = { page: Number(page), total_pages, results: ids.map((id) => ({ id })) };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
    opened.push(server);
    expect(await walk(`http://127.0.0.1:${server.port}/3`)).toMatchObject({ pagesRead: 3, found: 4 });
    expect(published()).toEqual([1, 2, 3, 4]);
  });

  it('skips a page that cannot be fetched and reads the next', async () => {
    const sandbox = await sandboxWith({ movies: 400 });
    // The first page costs five attempts, and two probes of other pages of the list.
    sandbox.setFaults([{ kind: 'body', body: '[]', times: 7 }]);
    expect(await walk(sandbox.url)).toMatchObject({ pagesRead: 19, pagesFailed: 1, published: 19 * 20 });
    expect(sandbox.stats().requests).toBe(7 + 19);
  });

  it('waits while TMDb is out, and then reads every page', async () => {
    const sandbox = await sandboxWith({ movies: 1_200 });
    const work = walk(sandbox.url);
    // The walk reads 40 pages at once. For the other 20 there are no tokens yet.
    await clock.advance(1_000);
    sandbox.setFaults([{ kind: 'drop' }]);
    await clock.advance(120_000);
    expect(sandbox.stats().byStatus).toMatchObject({ 200: 40, dropped: expect.any(Number) });
    sandbox.setFaults([]);
    expect(await work).toMatchObject({ pagesRead: 60, pagesFailed: 0, published: 1_200 });
  });
});
