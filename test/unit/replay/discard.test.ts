import { describe, expect, it } from 'vitest';
import { movesTo } from '../../../replay/discard.ts';

const offsets = (...of: bigint[]) => new Map(of.entries());
const commit = (offset: bigint, ...ahead: bigint[]) => ({ offset, ahead: new Set(ahead) });
const present = { low: offsets(0n, 5n, 0n), high: offsets(100n, 50n, 10n) };

describe('the offsets after ids were discarded', () => {
  it('are the ends that were asked for, in the partitions in which ids wait', () => {
    const commits = new Map([
      [0, commit(40n)],
      [2, commit(10n)],
    ]);
    expect(movesTo(present.high, commits, present)).toEqual(
      new Map([
        [0, { from: commit(40n), to: commit(100n) }],
        // Nothing is committed here: the first offset of the topic waits, unless the group has lost its commits.
        [1, { from: { ...commit(5n), uncertainUntil: 50n }, to: { ...commit(50n), uncertainUntil: 50n } }],
      ]),
    );
  });

  it('never move back, nor past the end of the topic', () => {
    const commits = new Map([
      [0, commit(70n)],
      [1, commit(5n)],
      // A broker that lost its last records.
      [2, commit(12n)],
    ]);
    expect(movesTo(offsets(60n, 200n, 11n), commits, present)).toEqual(
      new Map([[1, { from: commit(5n), to: commit(50n) }]]),
    );
  });

  it('keep what is done ahead of the ids that still wait', () => {
    const commits = new Map([[0, commit(40n, 42n, 60n, 61n)]]);
    expect(movesTo(offsets(60n, 0n, 0n), commits, present).get(0)).toEqual({
      from: commit(40n, 42n, 60n, 61n),
      to: commit(60n, 60n, 61n),
    });
  });
});
