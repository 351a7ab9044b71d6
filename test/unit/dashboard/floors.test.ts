import { describe, expect, it } from 'vitest';
import { scatterChart } from '../../../dashboard/charts/scatter.ts';
import { readFloors } from '../../../dashboard/floors.ts';

describe('the chart of budget and revenue', () => {
  it('has the floors of the dbt project', () => {
    expect(readFloors()).toEqual({ budgetUsd: 100_000, revenueUsd: 100_000 });
  });

  it('marks each movie, and draws break-even and both floors', () => {
    const points = [
      { budget: 1e6, revenue: 5e5 },
      { budget: 1e6, revenue: 2e9 },
    ];
    const drawn = `${scatterChart({ label: 'x', points, floors: readFloors() })}`;
    expect([...drawn.matchAll(/data-series="0" data-row="(\d)"/g)].map(([, row]) => row)).toEqual(['0', '1', '0', '1']);
    expect(drawn.match(/>break-even</g)).toHaveLength(2);
    expect(drawn.match(/>floor</g)).toHaveLength(4);
  });
});
