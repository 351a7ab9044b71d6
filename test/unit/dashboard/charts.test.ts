import { describe, expect, it } from 'vitest';
import { columnChart, rowChart } from '../../../dashboard/charts/bars.ts';
import { strictSvg } from '../../../dashboard/charts/svg.ts';
import { oddTitles } from '../../support/dashboard/small-gold.ts';

describe('a chart', () => {
  const bars = [
    { name: '2022', value: 2e9 },
    { name: '2023', value: null },
    { name: '2024', value: -5e8 },
  ];
  const text = `${columnChart({ label: 'Profit by "year" & <b>', unit: 'usd', bars })}`;

  it('has nothing that a strict content security policy forbids', () => {
    expect(text).not.toMatch(/ style=|<style|<script| on\w+=/);
    expect(
      strictSvg('<svg><style ><![CDATA[a]]></style><path style="fill:red;cursor:pointer" class="x"></path></svg>'),
    ).toBe('<svg><path fill="red"/></svg>');
  });

  it('is drawn for a wide and a narrow screen, and says for a screen reader what it shows', () => {
    expect([...text.matchAll(/<svg class="(\w+)" role="img" tabindex="0"/g)].map(([, name]) => name)).toEqual([
      'wide',
      'narrow',
    ]);
    expect(text).toContain(
      'aria-label="Profit by &quot;year&quot; &amp; &lt;b&gt;: 3 bars, from 2022 to 2024. Highest: 2022 with $2.00\u00a0B. Arrow keys read the bars."',
    );
  });

  it('has a mark for each known value, with the number of its row', () => {
    expect([...text.matchAll(/data-series="0" data-row="(\d)"/g)].map(([, row]) => row)).toEqual(['0', '2', '0', '2']);
  });

  it('uses colors of the style sheet only, so that it fits light and dark', () => {
    expect([...text.matchAll(/(?:fill|stroke)="([^"]+)"/g)].map(([, color]) => color)).toSatisfy((colors: string[]) =>
      colors.every((color) => color === 'none' || color.startsWith('var(--')),
    );
  });

  it('shows names of any script as text', () => {
    const names = oddTitles.map((name) => ({ name, value: 1 }));
    const drawn = `${rowChart({ label: 'x', unit: 'count', bars: names })}`;
    expect(drawn).not.toMatch(/<(?!\/?(?:svg|g|path|rect|text|defs|clipPath|line|polyline|circle|tspan)\b)/);
    expect(drawn).toContain('مرحبا');
  });
});
