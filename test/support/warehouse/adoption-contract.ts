import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  batch,
  fill,
  load,
  offsets,
  partition,
  promote,
  type ReplayFixture,
  tablesBeside,
  topic,
} from './replay-contract.ts';

const mirror = { clusterId: 'mirror', topic: topic.topic, topicId: 'mirrored' };
const other = { ...topic, topic: 'tmdb.raw-genres', topicId: 'genres' };

/** The contract of the adoption of a mirrored cluster, for every warehouse. Each implementation runs these same tests. */
export function adoptionContract(name: string, open: () => Promise<ReplayFixture>): void {
  describe(`${name} keeps the contract of an adoption`, () => {
    let fixture: ReplayFixture;
    beforeEach(async () => {
      fixture = await open();
      await load(fixture, batch(0, 10), batch(0, 4, partition(1)));
    });
    afterEach(() => fixture.close());

    const positions = async (of: typeof topic) => {
      await using warehouse = await fixture.openLoader();
      return new Map(await warehouse.positions(of));
    };
    const compared = (first = 10n) =>
      new Map([
        [0, first],
        [1, 4n],
      ]);
    const none = new Map<number, bigint>();

    it('[R176] moves positions and ledger lines to the new cluster, so that its loader continues', async () => {
      await fixture.adopt([{ from: topic, to: mirror, positions: compared() }]);
      expect(await positions(mirror)).toEqual(compared());
      const lines = await fixture.sql('select distinct cluster_id, topic_id from bronze.load_batches');
      expect(lines).toEqual([{ cluster_id: 'mirror', topic_id: 'mirrored' }]);
      await load(fixture, batch(10, 12, { ...mirror, partition: 0 }));
      expect(await offsets(fixture, 'kafka_partition = 0')).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
      await expect(load(fixture, batch(0, 10, { ...mirror, partition: 0 }))).rejects.toThrow('is at 12');
    });

    it('[R183] lets no loader of the former cluster load again, also into a partition that it has not begun', async () => {
      await fixture.adopt([{ from: topic, to: mirror, positions: compared() }]);
      const left = /BRONZE continues tmdb\.raw-movies on the cluster that has replaced cluster/;
      await expect(positions(topic)).rejects.toThrow(left);
      for (const late of [batch(0, 10), batch(10, 12), batch(0, 2, partition(7))]) {
        await expect(load(fixture, late)).rejects.toThrow(left);
      }
      expect(await offsets(fixture, 'kafka_partition in (0, 7)')).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      await fill(fixture, batch(0, 10, { ...mirror, partition: 0 }));
      await promote(fixture);
      await expect(positions(topic)).rejects.toThrow(left);
    });

    it('[R183] ends a rebuild of the former cluster that was running', async () => {
      await fill(fixture, batch(0, 5));
      await fixture.adopt([{ from: topic, to: mirror, positions: compared() }]);
      await expect(fill(fixture, batch(5, 10))).rejects.toThrow(/BRONZE continues tmdb\.raw-movies on the cluster/);
    });

    it('[R183] can be adopted by the former cluster again, whose loader then continues', async () => {
      await fixture.adopt([{ from: topic, to: mirror, positions: compared() }]);
      await fixture.adopt([{ from: mirror, to: topic, positions: compared() }]);
      expect(await positions(topic)).toEqual(compared());
      await expect(positions(mirror)).rejects.toThrow('that has replaced mirror');
      await load(fixture, batch(10, 11));
    });

    it('[R184] discards an unfinished rebuild, and only if nothing is refused', async () => {
      await fill(fixture, batch(0, 5));
      const rebuild = await tablesBeside(fixture);
      await expect(fixture.adopt([{ from: topic, to: mirror, positions: compared(9n) }])).rejects.toThrow('meanwhile');
      expect(await tablesBeside(fixture)).toEqual(rebuild);
      await fill(fixture, batch(5, 6));
      await fixture.adopt([{ from: topic, to: mirror, positions: compared() }]);
      expect(await tablesBeside(fixture)).toEqual([]);
    });

    it('[R177] changes nothing if a loader has moved a position since the comparison', async () => {
      await load(fixture, batch(10, 11));
      await expect(fixture.adopt([{ from: topic, to: mirror, positions: compared() }])).rejects.toThrow('meanwhile');
      expect(await positions(topic)).toEqual(compared(11n));
      expect(await positions(mirror)).toEqual(none);
    });

    it('[R177] changes nothing if one of several topics is refused', async () => {
      await load(fixture, batch(0, 3, { ...mirror, topic: other.topic, partition: 0 }));
      const adoptions = [
        { from: topic, to: mirror, positions: compared() },
        { from: other, to: { ...mirror, topic: other.topic }, positions: none },
      ];
      await expect(fixture.adopt(adoptions)).rejects.toThrow('a loader has begun it');
      expect(await positions(topic)).toEqual(compared());
      expect(await positions(mirror)).toEqual(none);
    });
  });
}
