import { formatUsd } from '../format.ts';
import type { Html } from '../html.ts';
import { axis, colors, drawTwice, font, grid, type Size } from './svg.ts';

/** A movie by its amounts in US dollars, both above 0. */
interface Point {
  readonly budget: number;
  readonly revenue: number;
}

interface Scatter {
  readonly label: string;
  readonly points: readonly Point[];
  /** Below one of these, money is not known. */
  readonly floors: { readonly budgetUsd: number; readonly revenueUsd: number };
}

/** The powers of ten around the values. */
function decades(values: readonly number[]): readonly [low: number, high: number] {
  const exponents = values.map(Math.log10);
  return [10 ** Math.floor(Math.min(...exponents)), 10 ** Math.ceil(Math.max(...exponents))];
}

type Ends = readonly [from: readonly [number, number], to: readonly [number, number]];

const line = ([from, to]: Ends, text: string, isFloor: boolean) => [
  { coord: from, symbol: 'none' },
  {
    coord: to,
    symbol: 'none',
    lineStyle: { color: colors.soft, type: isFloor ? 'dotted' : 'solid', width: 1.25 },
    label: { ...font, show: true, position: isFloor ? 'insideEndTop' : 'end', formatter: text, color: colors.soft },
  },
];

/** Budget and revenue, both logarithmic. Movies above the line of break-even earned more than their budget. */
export const scatterChart = ({ label, points, floors: { budgetUsd, revenueUsd } }: Scatter): Html => {
  const [left, right] = decades([...points.map(({ budget }) => budget), budgetUsd]);
  const [bottom, top] = decades([...points.map(({ revenue }) => revenue), revenueUsd]);
  const [from, to] = [Math.max(left, bottom), Math.min(right, top)];
  const lines = [
    line(
      [
        [from, from],
        [to, to],
      ],
      'break-even',
      false,
    ),
    line(
      [
        [budgetUsd, bottom],
        [budgetUsd, top],
      ],
      'floor',
      true,
    ),
    line(
      [
        [left, revenueUsd],
        [right, revenueUsd],
      ],
      'floor',
      true,
    ),
  ];
  const valueAxis = (name: string, min: number, max: number) => ({
    ...axis,
    ...{ type: 'log', name, min, max, nameTextStyle: { ...font, color: colors.soft } },
    axisLabel: { ...axis.axisLabel, formatter: formatUsd, hideOverlap: true },
  });
  const option = ({ name }: Size) => ({
    grid: { ...grid, right: 66, top: 30, bottom: 24 },
    xAxis: { ...valueAxis('budget', left, right), nameLocation: 'middle', nameGap: 26, splitLine: { show: false } },
    yAxis: valueAxis('revenue', bottom, top),
    series: [
      {
        type: 'scatter',
        symbol: 'circle',
        symbolSize: name === 'narrow' ? 5 : 7,
        data: points.map(({ budget, revenue }) => ({
          value: [budget, revenue],
          itemStyle: { color: revenue < budget ? colors.warm : colors.accent, opacity: 0.6 },
        })),
      },
      // A series of their own: the marks of the first series are the movies.
      { type: 'scatter', data: [], markLine: { silent: true, animation: false, symbol: 'none', data: lines } },
    ],
  });
  return drawTwice(label, { wide: 440, narrow: 320 }, option);
};
