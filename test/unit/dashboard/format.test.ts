import { describe, expect, it } from 'vitest';
import { csvField, csvFile } from '../../../dashboard/csv.ts';
import { formatPercent, formatUsd, formatValue } from '../../../dashboard/format.ts';

describe('a figure for a person', () => {
  it.each([
    [0, '$0'],
    [999, '$999'],
    [999.4, '$999'],
    [1_000, '$1.00\u00a0k'],
    [15_049, '$15.0\u00a0k'],
    [999_600, '$1.00\u00a0M'],
    [237_000_000, '$237\u00a0M'],
    [2_799_439_100, '$2.80\u00a0B'],
    [1.5e12, '$1.50\u00a0T'],
    [1.2346e15, '$1235\u00a0T'],
    [-35_000_000, '\u2212$35.0\u00a0M'],
    [-0.2, '$0'],
  ])('writes %d dollars as %s', (value, text) => expect(formatUsd(value)).toBe(text));

  it.each([
    [0, '0.0\u00a0%'],
    [2.44, '2.4\u00a0%'],
    [9.96, '10\u00a0%'],
    [-35.4, '\u221235\u00a0%'],
    [-0.01, '0.0\u00a0%'],
    [199_900, '199,900\u00a0%'],
  ])('writes %d percent as %s', (value, text) => expect(formatPercent(value)).toBe(text));

  it('writes unknown values as a dash, and never as 0', () => {
    for (const unit of ['usd', 'percent', 'count', 'vote', 'time', 'text', 'yes or no'] as const) {
      expect(formatValue(null, unit)).toBe('–');
    }
    expect(formatValue('NaN', 'usd')).toBe('–');
  });

  it('writes counts, votes, years, times and flags', () => {
    expect(formatValue(1_234_567, 'count')).toBe('1,234,567');
    expect(formatValue(7.456, 'vote')).toBe('7.46');
    expect(formatValue(2024, 'year')).toBe('2024');
    expect(formatValue('2026-01-02T03:04:05.678Z', 'time')).toBe('2026-01-02 03:04 UTC');
    expect(formatValue(true, 'yes or no')).toBe('yes');
  });
});

describe('a CSV file', () => {
  it.each([
    ['=1+2', "'=1+2"],
    ['+1', "'+1"],
    ['-x', "'-x"],
    ['@SUM(A1)', "'@SUM(A1)"],
    [' =1', "' =1"],
    ['\t=1', `"'\t=1"`],
    ['\u200b=1', "'\u200b=1"],
    ['＝1', "'＝1"],
    ['|calc', "'|calc"],
    ['=1,"a"', `"'=1,""a"""`],
  ])('lets no spreadsheet take the text %j for a formula', (text, field) => expect(csvField(text)).toBe(field));

  it.each([
    ['Alien', 'Alien'],
    ['a "b", c', '"a ""b"", c"'],
    ['a;b', '"a;b"'],
    ['two\nlines', '"two\nlines"'],
    [-12.5, '-12.5'],
    ['-9007199254740993', '-9007199254740993'],
    [null, ''],
    [false, 'false'],
  ])('writes %j as %s', (value, field) => expect(csvField(value)).toBe(field));

  it('has a header, ends each line with CR LF, and is known as UTF-8', () => {
    expect(csvFile(['title', 'n'], [['مرحبا', 1]])).toBe('\ufefftitle,n\r\nمرحبا,1\r\n');
  });
});
