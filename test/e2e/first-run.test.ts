import { describe, expect, it } from 'vitest';
import { audit } from '../support/audit/audit.ts';
import { emptyKpis, rowsIn, Workspace } from '../support/processes/cli.ts';

describe('npm start in a new folder', () => {
  it('fills GOLD; a second run requests no movie and does not change BRONZE', async () => {
    using workspace = new Workspace({ TMDB_RATE_LIMIT: '200/1s' }, { ownDbt: true });
    const first = await workspace.runOnce(['--pages', '5']);
    expect(first.walk).toMatchObject({ pagesRead: 5, found: 100, published: 100 });
    expect(first.movies.fetched + first.movies.gone).toBe(100);
    expect(first.requests.byOutcome.map(({ outcome }) => outcome)).not.toContain('429');
    expect(rowsIn(first, 'gold.fact_movies')).toBe(first.movies.fetched);
    expect(first.dbt.testsPassed).toBeGreaterThan(20);
    expect(emptyKpis(first)).toEqual([]);

    const again = await workspace.runOnce(['--pages', '5']);
    expect(again.walk).toMatchObject({ found: 100, published: 0 });
    expect(again.requests.requests).toBe(5);
    expect(again.tables).toEqual(first.tables);
    expect(again.dbt).toMatchObject({ skipped: true, testsPassed: first.dbt.testsPassed });
    expect(await audit(workspace)).toMatchObject({ ids: 100, rawRecords: 100 });
  });
});
