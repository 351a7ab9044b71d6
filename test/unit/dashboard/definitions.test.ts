import { describe, expect, it } from 'vitest';
import { docsBlocks, readDefinitions } from '../../../dashboard/definitions.ts';
import { pages } from '../../../dashboard/pages/index.ts';

describe('the definitions', () => {
  it('are the blocks of the documentation of dbt', () => {
    const text = '{% docs a %}One.{% enddocs %}\n\n{% docs b_usd %}\nTwo\nlines.\n{% enddocs %}';
    expect([...docsBlocks(text)]).toEqual([
      ['a', 'One.'],
      ['b_usd', 'Two\nlines.'],
    ]);
    const { overview, columns } = readDefinitions();
    expect(overview).toContain('What the KPI tables count');
    expect(columns.get('median_roi_pct')).toContain('typical movie');
  });

  it('exist for every measure that a figure takes from GOLD', () => {
    const { columns } = readDefinitions();
    const own = [
      'rank',
      'release_year',
      'value',
      'metric',
      'loss_pct',
      'movie_count_change',
      'total_revenue_change_pct',
      'genres',
      'runtime',
      'companies',
      'budget_class',
      '_run_seq',
      'is_released_feature',
      'adult',
      'video',
      'softcore',
    ];
    const shown = pages.flatMap((page) => page.figures.flatMap((figure) => figure.columns.map(({ key }) => key)));
    expect(shown.length).toBeGreaterThan(50);
    expect([...new Set(shown)].filter((key) => !columns.has(key) && !own.includes(key))).toEqual([]);
  });
});
