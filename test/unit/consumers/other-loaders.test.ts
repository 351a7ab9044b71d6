import { describe, expect, it } from 'vitest';
import { AwaitedEnds } from '../../../consumers/awaited-ends.ts';
import { watchOthers } from '../../../consumers/other-loaders.ts';
import { GapError } from '../../../kafka/errors.ts';
import type { AwaitedPartition } from '../../../kafka/topic.ts';
import { ManualClock } from '../../support/clock/manual-clock.ts';
import { topics } from '../../support/kafka/topics.ts';

const topic = topics.rawMovies.name;

/** A topic with two partitions and its ledger, which other loaders change. The first partition is ours. */
class Watched {
  topicId = 'a';
  low = new Map([
    [0, 0n],
    [1, 0n],
  ]);
  high = new Map([
    [0, 10n],
    [1, 10n],
  ]);
  readonly ledger = new Map<string, Map<number, bigint>>();
  readonly told: AwaitedPartition[][] = [];
  readonly awaited = new AwaitedEnds();
  readonly clock = new ManualClock();
  readonly #signal = new AbortController();
  readonly watching: Promise<void>;

  constructor() {
    this.awaited.waitFor(
      new Map([
        [
          topic,
          new Map([
            [0, 10n],
            [1, 10n],
          ]),
        ],
      ]),
    );
    this.watching = watchOthers(this.awaited, {
      shared: {
        look: async () => ({ topicId: this.topicId, low: this.low, high: this.high }),
        owners: async () => new Map([[1, 'process 42 on host-a']]),
        onWaiting: (partitions) => this.told.push([...partitions]),
      },
      clock: this.clock,
      signal: this.#signal.signal,
      isOurs: (_, partition) => partition === 0,
      positions: async (_, topicId) => this.ledger.get(topicId) ?? new Map(),
      onLooked: () => {
        if (this.awaited.isReached()) this.#signal.abort();
      },
    });
    this.watching.catch(() => {});
  }
}

describe('a loader that waits for ends', () => {
  it('[R100] ends when other loaders have loaded the rest, and until then names the process that has the partition', async () => {
    const watched = new Watched();
    await watched.clock.advance(1_000);
    expect(watched.told.at(-1)).toEqual([{ topic, partition: 1, left: 10n, owner: 'process 42 on host-a' }]);
    watched.ledger.set('a', new Map([[1, 10n]]));
    watched.awaited.note(topic, 'a', 0, 10n);
    await watched.clock.advance(1_000);
    await watched.watching;
  });

  it('[R101] ends when retention has deleted records that were never loaded', async () => {
    const watched = new Watched();
    watched.low = new Map([
      [0, 10n],
      [1, 12n],
    ]);
    watched.high = new Map([
      [0, 10n],
      [1, 12n],
    ]);
    await watched.clock.advance(1_000);
    await watched.watching;
  });

  it('[R15] does not end when retention has deleted records that a partition of its own lacks in the ledger', async () => {
    const watched = new Watched();
    watched.low = new Map([
      [0, 10n],
      [1, 10n],
    ]);
    watched.ledger.set(
      'a',
      new Map([
        [0, 5n],
        [1, 10n],
      ]),
    );
    await watched.clock.advance(1_000);
    expect(watched.awaited.unreached()).toEqual([{ topic, partition: 0, end: 10n, position: 5n }]);
    watched.awaited.note(topic, 'a', 0, 10n);
    await watched.clock.advance(1_000);
    await watched.watching;
  });

  it('[R101] fails when the topic was created again with fewer records than it waits for', async () => {
    const watched = new Watched();
    await watched.clock.advance(1_000);
    [watched.topicId, watched.high] = [
      'b',
      new Map([
        [0, 3n],
        [1, 3n],
      ]),
    ];
    await watched.clock.advance(1_000);
    await expect(watched.watching).rejects.toThrow(GapError);
  });

  it('ignores the position of an earlier topic of the same name', async () => {
    const watched = new Watched();
    watched.ledger.set('a', new Map([[1, 5n]]));
    watched.awaited.note(topic, 'a', 0, 10n);
    await watched.clock.advance(1_000);
    watched.topicId = 'b';
    watched.ledger.set('a', new Map([[1, 10n]]));
    await watched.clock.advance(1_000);
    expect(watched.awaited.isReached()).toBe(false);
    watched.ledger.set('b', new Map([[1, 10n]]));
    watched.awaited.note(topic, 'b', 0, 10n);
    await watched.clock.advance(1_000);
    await watched.watching;
  });
});
