import { formatDuration } from '../runtime/units.ts';
import type { GoldValue } from '../warehouse/gold-reader.ts';

/** What a value is, which decides how it is written. */
export type Unit =
  | 'text'
  | 'count'
  | 'rank'
  | 'year'
  | 'usd'
  | 'percent'
  | 'vote'
  | 'score'
  | 'credits'
  | 'minutes'
  | 'seconds'
  | 'time'
  | 'yes or no';

/** Stands for an unknown value. */
export const unknown = '–';

const minus = '\u2212';
const space = '\u00a0';

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

const sign = (value: number, text: string): string => (value < 0 && /[1-9]/.test(text) ? minus : '') + text;

const scales: readonly (readonly [from: number, suffix: string])[] = [
  [1e12, 'T'],
  [1e9, 'B'],
  [1e6, 'M'],
  [1e3, 'k'],
];

/** US dollars in three digits: `$1.25 B`. */
export function formatUsd(value: number): string {
  const size = Math.abs(value);
  // 999.6 thousand is written as 1.00 million.
  const [scale = 1, suffix = ''] = scales.find(([from]) => size >= from * 0.9995) ?? [];
  const amount = size / scale;
  const digits =
    suffix === '' ? whole.format(amount) : amount.toPrecision(Math.max(3, Math.trunc(amount).toString().length));
  return sign(value, `$${digits}${suffix && space}${suffix}`);
}

/** Percent: one decimal below 10 %, with thousands separated above. */
export function formatPercent(value: number): string {
  const size = Math.abs(value);
  const digits = size < 9.95 ? size.toFixed(1) : whole.format(size);
  return sign(value, `${digits}${space}%`);
}

const formats: Readonly<Record<Exclude<Unit, 'text' | 'time' | 'yes or no'>, (value: number) => string>> = {
  count: (value) => sign(value, whole.format(Math.abs(value))),
  rank: String,
  year: String,
  usd: formatUsd,
  percent: formatPercent,
  vote: (value) => value.toFixed(2),
  score: (value) => value.toFixed(1),
  credits: (value) => value.toFixed(3),
  minutes: (value) => `${whole.format(value)}${space}min`,
  seconds: (value) => formatDuration(value * 1_000),
};

/** A value for a person. Figures are rounded: downloads have the exact values. */
export function formatValue(value: GoldValue, unit: Unit): string {
  if (value === null || value === '') return unknown;
  if (unit === 'yes or no') return value === true ? 'yes' : 'no';
  if (unit === 'text') return String(value);
  if (unit === 'time') return formatTime(new Date(String(value)));
  const number = Number(value);
  return Number.isFinite(number) ? formats[unit](number) : unknown;
}

/** In UTC, to the minute. */
export const formatTime = (time: Date): string => `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`;

/** Whether the digits of a column stand below each other. */
export const isNumeric = (unit: Unit): boolean => unit in formats && unit !== 'rank';
