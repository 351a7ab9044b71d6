import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { cellsOf } from '../../../runtime/cells.ts';
import { createLogger } from '../../../runtime/logger.ts';
import { createProgress } from '../../../runtime/progress.ts';
import { screenWidth, wrapText } from '../../../runtime/screen.ts';
import { Secret } from '../../../runtime/secret.ts';
import { formatTable } from '../../../runtime/table.ts';
import { ManualClock } from '../../support/clock/manual-clock.ts';

const widths = [40, 80, 200];

describe('a text on a terminal', () => {
  const facts = [
    'requests  241 (241 x ok) in 1 min 0 s: 98 % of the limit of 40 in 10.0 s',
    `gold      ${Array.from({ length: 12 }, (_, index) => `table_${index} ${index * 1_000}`).join(', ')}`,
  ].join('\n');

  it.each(widths)('of %i columns is broken at spaces, below its label', (columns) => {
    const rows = wrapText(facts, columns).split('\n');
    for (const row of rows) expect(cellsOf(row)).toBeLessThanOrEqual(columns);
    for (const row of rows) expect(row).toMatch(/^(?:requests|gold|) {2,}\S/);
    expect(rows.join(' ').replaceAll(/\s+/g, ' ')).toBe(facts.replaceAll(/\s+/g, ' '));
  });

  it('stays as it is if it fits, or has no place to break it', () => {
    const path = '/a/long/path/without/a/space/that/is/wider/than/the/terminal.duckdb';
    expect(wrapText('a b\n\nc', 10)).toBe('a b\n\nc');
    expect(wrapText(`in ${path} now`, 20)).toBe(`in\n${path}\nnow`);
    expect(wrapText('  a command that is copied as a whole', 20)).toBe('  a command that is copied as a whole');
    expect(wrapText(facts, Number.POSITIVE_INFINITY)).toBe(facts);
  });

  it('has no limit if standard output is no terminal', () => {
    expect(screenWidth({ columns: undefined as unknown as number })).toBe(Number.POSITIVE_INFINITY);
    expect(screenWidth({ columns: 0 })).toBe(Number.POSITIVE_INFINITY);
    expect(screenWidth({ columns: 40 })).toBe(40);
  });
});

describe('a table on a terminal', () => {
  const rows = [
    {
      rank: 1,
      title: 'The Lord of the Rings: The Fellowship of the Ring',
      genre: 'Adventure',
      revenue_usd: 871_530_324,
    },
    { rank: 2, title: '千と千尋の神隠し', genre: 'Animation', revenue_usd: 274_925_095 },
  ];

  it.each(widths)('fits into %i columns', (columns) => {
    for (const line of formatTable(rows, columns).split('\n')) expect(cellsOf(line)).toBeLessThanOrEqual(columns);
  });

  it('is whole in 80 columns, has its widest text cut in 60, and one line for each cell in 30', () => {
    expect(formatTable(rows, 80)).toContain('Fellowship of the Ring ');
    expect(formatTable(rows, 60).split('\n')).toEqual([
      'rank  title                           genre      revenue_usd',
      '----  ------------------------------  ---------  -----------',
      '   1  The Lord of the Rings: The Fe…  Adventure  871,530,324',
      '   2  千と千尋の神隠し                Animation  274,925,095',
    ]);
    expect(formatTable(rows, 30).split('\n').slice(0, 6)).toEqual([
      'rank         1',
      'title        The Lord of the',
      '             Rings: The',
      '             Fellowship of the',
      '             Ring',
      'genre        Adventure',
    ]);
  });
});

describe('the log of a command', () => {
  it('is a text for a person at a terminal, without the fields that are for programs', () => {
    const shown: string[] = [];
    const log = createLogger('warn', [new Secret('canary-1')], { version: '1', show: (text) => shown.push(text) });
    log.warn({ reason: 'canary-1', seconds: 3 }, 'Kafka is out of reach');
    log.error('no fields');
    log.info('not shown');
    expect(shown).toEqual(['warn: Kafka is out of reach (reason: [secret], seconds: 3)', 'error: no fields']);
  });
});

describe('the progress of a command', () => {
  const begin = (columns: number | undefined) => {
    const clock = new ManualClock();
    const shown: string[] = [];
    const terminal = { isTTY: columns !== undefined, columns, getColorDepth: () => 8 };
    const stream = Object.assign(new PassThrough(), terminal) as unknown as NodeJS.WriteStream;
    stream.on('data', (data) => shown.push(String(data)));
    return { clock, shown, progress: createProgress(stream, clock) };
  };
  const last = (shown: readonly string[]) =>
    stripVTControlCharacters(shown.at(-1) ?? '')
      .replaceAll('\r', '')
      .trim();

  it('shows at once what a command starts, and for how long, until it has started', async () => {
    const { clock, shown, progress } = begin(80);
    const starting = progress.busy('broker', 'starting Kafka');
    expect(last(shown)).toBe('broker   starting Kafka');
    await clock.advance(3_200);
    progress.update('walk', { done: 1, total: 12, unit: 'pages' });
    starting[Symbol.dispose]();
    expect(last(shown)).toBe('walk 1/12 pages');
    starting[Symbol.dispose]();
    progress[Symbol.dispose]();
  });

  it('shows it as a line in a file or a pipe, without colors', () => {
    const { shown, progress } = begin(undefined);
    progress.busy('broker', 'starting Kafka')[Symbol.dispose]();
    progress.note('broker   Kafka ready');
    progress[Symbol.dispose]();
    expect(shown.join('')).toBe('broker   starting Kafka\nbroker   Kafka ready\n');
  });

  it.each(widths)('keeps the rate and the time left of the last task in %i columns', async (columns) => {
    const { clock, shown, progress } = begin(columns);
    progress.update('walk', { done: 12, total: 12, unit: 'pages' });
    progress.update('load', { done: 0, unit: 'rows' });
    progress.update('fetch', { done: 0, total: 240, unit: 'movies' });
    await clock.advance(10_000);
    progress.update('fetch', { done: 40, total: 240, unit: 'movies' });
    progress[Symbol.dispose]();
    const line = last(shown.slice(0, -1));
    expect(cellsOf(line)).toBeLessThan(columns);
    expect(line).toContain('fetch 40/240 movies, 4.0/s, 50 s left');
  });

  it('has the names of its tasks in bold on a terminal with colors', () => {
    const { shown, progress } = begin(80);
    progress.busy('dbt', 'starting');
    expect(shown.join('')).toContain(['\u001b[1m', 'dbt', '\u001b[22m'].join(''));
    progress[Symbol.dispose]();
  });
});
