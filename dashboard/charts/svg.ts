import type { EChartsCoreOption } from 'echarts/core';
// The bundle: loading the single modules of ECharts takes 1.4 s of CPU and 110 MB, the bundle 0.1 s and 15 MB.
// @ts-expect-error it has no types of its own
import * as bundle from 'echarts/dist/echarts.esm.min.mjs';
import { escapeHtml, type Html, html, trusted } from '../html.ts';

const { init } = bundle as typeof import('echarts/core');

/** Scaled text is unreadable on a phone, so each chart is drawn twice and the style sheet shows one of the two. */
export interface Size {
  readonly name: 'wide' | 'narrow';
  readonly width: number;
  readonly height: number;
}

/** Colors are variables of the style sheet, so that light and dark need one drawing. */
export const colors = {
  ink: 'var(--ink)',
  soft: 'var(--soft)',
  line: 'var(--line)',
  accent: 'var(--accent)',
  warm: 'var(--warm)',
};

export const font = { fontFamily: 'system-ui, sans-serif', fontSize: 12 };

/** How an axis looks. */
export const axis = {
  axisLine: { lineStyle: { color: colors.line } },
  axisTick: { show: false },
  axisLabel: { ...font, color: colors.soft },
  splitLine: { lineStyle: { color: colors.line } },
};

/** Room for a chart: the plot fills it, and labels stay within it. */
export const grid = { left: 4, right: 4, top: 24, bottom: 4, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' };

/**
 * A chart as SVG in both sizes.
 * @param label what a screen reader says instead of the picture. @param option of ECharts, for a size.
 */
export const drawTwice = (
  label: string,
  heights: { readonly wide: number; readonly narrow: number },
  option: (size: Size) => EChartsCoreOption,
): Html =>
  html`${draw({ name: 'wide', width: 560, height: heights.wide }, label, option)}${draw({ name: 'narrow', width: 320, height: heights.narrow }, label, option)}`;

function draw(size: Size, label: string, option: (size: Size) => EChartsCoreOption): Html {
  const { name, width, height } = size;
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    chart.setOption({ animation: false, textStyle: font, ...option(size) });
    const attributes = `class="${name}" role="img" tabindex="0" aria-label="${escapeHtml(label)}"`;
    return trusted(strictSvg(chart.renderToSVGString()).replace('<svg ', `<svg ${attributes} `));
  } finally {
    // Otherwise its timers keep the process alive.
    chart.dispose();
  }
}

/** Properties of ECharts' styles that are attributes of SVG as well. */
const presentation = /^(?:fill|stroke|opacity|font|text)/;

const asAttributes = (style: string): string =>
  style
    .split(';')
    .map((declaration) => declaration.split(/:(.*)/s))
    .filter(([property = '']) => presentation.test(property.trim()))
    .map(([property = '', value = '']) => ` ${property.trim()}="${value.trim().replaceAll('"', '&quot;')}"`)
    .join('');

/** ECharts draws a dot as two arcs that are moved and scaled. */
const circle = /<path d="M1 0A1 1 0 1 1 1 -[\d.]+" transform="matrix\(([\d.]+),0,0,[\d.]+,([\d.]+),([\d.]+)\)"/g;

/**
 * ECharts' SVG without what a strict content security policy forbids: styles become attributes. A mark keeps the numbers of its series
 * and of its row as `data-series` and `data-row`.
 */
export const strictSvg = (svg: string): string =>
  svg
    .replaceAll(/<style[\s\S]*?<\/style>/g, '')
    .replaceAll(/ class="[^"]*"/g, '')
    .replaceAll(/ style="([^"]*)"/g, (_, style: string) => asAttributes(style))
    .replaceAll(/ ecmeta_series_index="(\d+)"/g, ' data-series="$1"')
    .replaceAll(/ ecmeta_data_index="(\d+)"/g, ' data-row="$1"')
    // The style sheet has the font.
    .replaceAll(/ font-family="[^"]*"| xml:space="preserve"| pointer-events="visible"/g, '')
    .replaceAll(/ ecmeta_\w+="[^"]*"| version="1\.1"| baseProfile="full"| xmlns:xlink="[^"]*"/g, '')
    .replaceAll('></path>', '/>')
    .replaceAll(circle, '<circle r="$1" cx="$2" cy="$3"')
    // Hundredths of a pixel are invisible.
    .replaceAll(/(\d\.\d\d)\d+/g, '$1')
    .replaceAll('\n', '');
