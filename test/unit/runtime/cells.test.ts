import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { cellsOf, cutToCells } from '../../../runtime/cells.ts';
import { createProgress } from '../../../runtime/progress.ts';
import { formatTable } from '../../../runtime/table.ts';
import { ManualClock } from '../../support/clock/manual-clock.ts';

/** Titles of films, and their width in columns on a terminal. */
const widths: [text: string, cells: number][] = [
  ['', 0],
  ['Heat', 4],
  ['Amélie', 6],
  ['Ame\u0301lie', 6],
  ['千と千尋の神隠し', 16],
  ['기생충', 6],
  ['ㄱ', 2],
  ['\u1100\u1161\u11a8', 2],
  ['卧虎藏龙', 8],
  ['ﾊﾝｶｸ', 4],
  ['ＦＵＬＬ', 8],
  ['Оттепель', 8],
  ['عودة', 4],
  ['नमस्ते', 3],
  ['WALL·E', 6],
  ['😀', 2],
  ['👩‍👩‍👧', 2],
  ['👍🏽', 2],
  ['🇫🇷', 2],
  ['❤️', 2],
  ['❤', 1],
  ['𠮷野', 4],
  ['a\u0300\u0316\u0301', 1],
];

describe('a text on a terminal', () => {
  it.each(widths)('[R114] %j takes %i columns', (text, cells) => {
    // Some marks of Indic scripts take space, and terminals differ. So check only that the width does not exceed the letters.
    if (text === 'नमस्ते') expect(cellsOf(text)).toBeLessThanOrEqual(6);
    else expect(cellsOf(text)).toBe(cells);
  });

  it('is cut between characters, never within one', () => {
    expect(cutToCells('千と千尋', 5)).toBe('千と');
    expect(cutToCells('a👩‍👩‍👧b', 2)).toBe('a');
    expect(cutToCells('a👩‍👩‍👧b', 3)).toBe('a👩‍👩‍👧');
    expect(cutToCells('e\u0301e\u0301', 1)).toBe('e\u0301');
  });

  it('[R114] is aligned in a table, whatever its script', () => {
    const rows = widths.map(([title], index) => ({ title, rank: index, kind: 'film' }));
    const lines = formatTable(rows).split('\n');
    const ends = lines.map((line) => cellsOf(line.slice(0, line.lastIndexOf('film'))));
    expect(new Set(ends.slice(2)).size).toBe(1);
    expect(new Set(lines.slice(2).map(cellsOf)).size).toBe(1);
  });

  it('fits into one row of the terminal as a progress line', () => {
    const shown: string[] = [];
    const stream = Object.assign(new PassThrough(), { isTTY: true, columns: 20 }) as unknown as NodeJS.WriteStream;
    stream.on('data', (data) => shown.push(String(data)));
    const progress = createProgress(stream, new ManualClock());
    progress.update('千と千尋の神隠し千と千尋', { done: 1, total: 2, unit: 'movies' });
    progress[Symbol.dispose]();
    const line = shown.join('').replace('\r\u001b[2K', '').trimEnd();
    expect(cellsOf(line)).toBeLessThanOrEqual(19);
    expect(cellsOf(line)).toBeGreaterThanOrEqual(18);
  });
});
