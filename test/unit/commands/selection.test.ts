import { describe, expect, it } from 'vitest';
import { parse as parseArguments } from '../../../commands/engine/parse.ts';
import { selectionText } from '../../../commands/selection.ts';
import { isSelected, type Selection } from '../../../replay/selection.ts';
import { UsageError } from '../../../runtime/errors.ts';
import { selectedBy, selectionOptionsOf } from '../../support/commands/command-line.ts';
import { consumerRecord } from '../../support/kafka/memory-record-source.ts';

const now = Date.UTC(2026, 4, 1, 12);
const hour = 3_600_000;

const given = (line: string) => selectionOptionsOf(line, now);
const parse = (line: string): Selection => selectedBy(line, now);

describe('the selection of a replay', () => {
  it.each<[string, Selection]>([
    ['--all', {}],
    ['--since 2h', { since: now - 2 * hour }],
    ['--since 2026-05-01', { since: now - 12 * hour }],
    ['--since 2026-05-01T11:00', { since: now - hour }],
    ['--since 2026-05-01T11:00:00.000Z', { since: now - hour }],
    ['--until 2026-05-01T13:00+02:00', { until: now - hour }],
    ['--since 2h --until 1h', { since: now - 2 * hour, until: now - hour }],
    ['--movie 7 --movie 8', { movies: new Set([7, 8]) }],
    ['--from-offset 5', { fromOffsets: { partitions: new Map(), others: 5n } }],
    ['--from-offset 2:7 --from-offset 5', { fromOffsets: { partitions: new Map([[2, 7n]]), others: 5n } }],
    ['--from-offset 2:9007199254740993', { fromOffsets: { partitions: new Map([[2, 9007199254740993n]]) } }],
  ])('reads %s', (line, selection) => expect(parse(line)).toEqual(selection));

  it.each([
    ['--since=', '--since takes a time'],
    ['--since yesterday', '--since takes a time'],
    ['--since 5', '--since takes a time'],
    ['--until 2026-13-01', '--until takes a time'],
    ['--movie fargo', '--movie takes the number'],
    ['--movie 0', '--movie takes the number'],
    ['--movie 2147483648', '--movie takes the number'],
    ['--from-offset x:1', '--from-offset takes'],
    ['--from-offset=-1', '--from-offset takes'],
    ['--all --movie 7', '--all cannot be combined with another'],
    ['--since 1h --until 2h', '--since must be before --until'],
  ])('refuses %s', (line, message) => {
    expect(() => parse(line)).toThrow(UsageError);
    expect(() => parse(line)).toThrow(message);
  });

  it('is required', () => {
    expect(() => parseArguments(['replay', 'ids'], now)).toThrow('--since, --until, --from-offset and --movie');
  });

  it('has the same text for any order of its options', () => {
    const text = '--since 2h --from-offset 1:5 --movie 7 --movie 8';
    expect(selectionText(given('--movie 8 --from-offset 1:5 --movie 7 --since 2h'))).toBe(text);
    expect(parse(text)).toEqual(parse('--movie 8 --from-offset 1:5 --movie 7 --since 2h'));
    expect(selectionText(given('--all'))).toBe('--all');
  });
});

describe('the selected records', () => {
  // Keyed by its offset, in partition 0.
  const record = (offset: number, age = 0) => ({
    ...consumerRecord(offset, null, Buffer.from(String(offset))),
    timestamp: now - age,
  });

  it.each<[string, boolean]>([
    ['--all', true],
    ['--since 1h', true],
    ['--until 1h', false],
    ['--since 1h --movie 7', true],
    ['--since 59m --movie 7', false],
    ['--movie 7', true],
    ['--movie 8', false],
    ['--from-offset 7', true],
    ['--from-offset 8', false],
    ['--from-offset 0:7', true],
    ['--from-offset 0:8 --from-offset 1', false],
    ['--from-offset 1:0', false],
  ])('by %s: a record of an hour ago at offset 7: %s', (line, matches) => {
    expect(isSelected(parse(line), record(7, hour))).toBe(matches);
  });
});
