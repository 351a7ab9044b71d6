import { formatValue, type Unit } from '../format.ts';
import type { Html } from '../html.ts';
import { axis, colors, drawTwice, font, grid, type Size } from './svg.ts';

/** A bar: its name on the axis, and its value; null is unknown and has no bar. */
interface Bar {
  readonly name: string;
  readonly value: number | null;
}

interface Bars {
  /** What the bars show, such as `Total revenue by release year`. */
  readonly label: string;
  readonly unit: Unit;
  readonly bars: readonly Bar[];
  /** The name of a column on a narrow screen. @default that of a year: ’24 */
  readonly shortName?: (name: string) => string;
}

const shortYear = (name: string): string => `’${name.slice(-2)}`;

const highest = (bars: readonly Bar[]): Bar | undefined =>
  bars.filter(({ value }) => value !== null).toSorted((a, b) => Number(b.value) - Number(a.value))[0];

/** The label with the extent and the highest bar, for a screen reader. */
function describe({ label, unit, bars }: Bars): string {
  const best = highest(bars);
  if (!best) return `${label}: no values.`;
  const extent = `${bars.length} bars, from ${bars[0]?.name} to ${bars.at(-1)?.name}`;
  return `${label}: ${extent}. Highest: ${best.name} with ${formatValue(best.value, unit)}. Arrow keys read the bars.`;
}

const style = (bar: Bar, radius: readonly number[]) => ({
  value: bar.value,
  itemStyle: { color: Number(bar.value) < 0 ? colors.warm : colors.accent, borderRadius: radius },
});

/** Vertical bars in the order of time. The highest one has its value written above it. */
export const columnChart = (chart: Bars): Html => {
  const { bars, unit, shortName = shortYear } = chart;
  const best = highest(bars);
  const option = ({ name }: Size) => ({
    grid,
    xAxis: {
      ...axis,
      type: 'category',
      data: bars.map((bar) => (name === 'narrow' ? shortName(bar.name) : bar.name)),
      splitLine: { show: false },
    },
    yAxis: {
      ...axis,
      type: 'value',
      splitNumber: 4,
      axisLine: { show: false },
      axisLabel: { ...axis.axisLabel, formatter: (value: number) => (value === 0 ? '0' : formatValue(value, unit)) },
    },
    series: [
      {
        type: 'bar',
        barCategoryGap: '28%',
        data: bars.map((bar) => ({
          ...style(bar, [3, 3, 0, 0]),
          ...(bar === best && {
            label: { ...font, show: true, position: 'top', color: colors.ink, formatter: formatValue(bar.value, unit) },
          }),
        })),
      },
    ],
  });
  return drawTwice(describe(chart), { wide: 360, narrow: 230 }, option);
};

/** Horizontal bars, the first on top, each with its name and its value. */
export const rowChart = (chart: Bars): Html => {
  const { bars, unit } = chart;
  const height = 24 * bars.length + 16;
  const option = ({ name }: Size) => ({
    grid: { ...grid, left: 8, right: 72, top: 4 },
    xAxis: { type: 'value', show: false },
    yAxis: {
      ...axis,
      type: 'category',
      inverse: true,
      data: bars.map((bar) => bar.name),
      axisLine: { show: false },
      axisLabel: { ...font, color: colors.ink, width: name === 'narrow' ? 96 : 190, overflow: 'truncate', interval: 0 },
    },
    series: [
      {
        type: 'bar',
        barCategoryGap: '34%',
        label: {
          ...font,
          show: true,
          position: 'right',
          color: colors.soft,
          formatter: ({ value }: { readonly value: number | null }) => formatValue(value ?? null, unit),
        },
        data: bars.map((bar) => style(bar, [0, 3, 3, 0])),
      },
    ],
  });
  return drawTwice(describe(chart), { wide: height, narrow: height }, option);
};
