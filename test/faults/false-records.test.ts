import { expect, it, vi } from 'vitest';
import { createAdmin } from '../../kafka/admin.ts';
import type { KafkaAdmin } from '../../kafka/cluster-admin.ts';
import { fetchMovies } from '../../pipeline/fetch-movies.ts';
import type { Sandbox } from '../../sandbox/server.ts';
import { rawGenresCodec } from '../../schemas/codecs.ts';
import { falseRecords } from '../support/kafka/false-records.ts';
import type { KafkaFixture } from '../support/kafka/kafka-fixture.ts';
import { shareFixture } from '../support/kafka/shared-fixture.ts';
import { groups, topicNames, topics } from '../support/kafka/topics.ts';

let fixture: KafkaFixture;
let sandbox: Sandbox;
shareFixture((...opened) => {
  [fixture, sandbox] = opened;
});

/** Whether the consumer of the topic has reached its end. */
async function isDone(admin: KafkaAdmin, topic: string): Promise<boolean> {
  const group = topic === topics.movieIds.name ? groups.fetcher : groups.loader;
  const [committed, { high }] = [await admin.committedOffsets(group, topic), await admin.topicOffsets(topic)];
  return [...high].every(([partition, end]) => (committed.get(partition) ?? 0n) >= end);
}

it('[R76 R78 R79] parks false records in every topic, and continues within 10 s after each', async () => {
  await fixture.recreate(1);
  await using admin = createAdmin(fixture.kafka);
  await using loader = fixture.startLoader();
  await using fetcher = fixture.start((platform, context) => fetchMovies(platform, context), {
    TMDB_BASE_URL: sandbox.url,
    TMDB_RATE_LIMIT: '1000/1s',
  });
  const body = Buffer.from('{"genres":[{"id":18,"name":"Drama"}]}');
  const genres = { language: 'en', sourceUrl: 'https://api.themoviedb.org/3/', fetchedAt: new Date(), body };
  const goodIn: Readonly<Record<string, (index: number) => Promise<void>>> = {
    [topics.movieIds.name]: (index) => fixture.publishIds(1, index),
    [topics.rawMovies.name]: (index) => fixture.publish(1, { from: 1_000 + index }),
    [topics.rawGenres.name]: () =>
      fixture.write(topics.rawGenres.name, [{ key: 'en', value: rawGenresCodec.encode(genres) }]),
  };
  for (const topic of topicNames.filter((name) => name in goodIn)) await goodIn[topic]?.(300);
  await vi.waitUntil(() => isDone(admin, topics.movieIds.name), { timeout: 60_000 });
  for (const [index, { name, topic, key, value }] of falseRecords.entries()) {
    await fixture.write(topic, [{ key, value }]);
    await goodIn[topic]?.(index);
    await vi
      .waitUntil(() => isDone(admin, topic), { timeout: 10_000 })
      .catch(() => {
        throw new Error(`not read on within 10 s after a record ${name}`);
      });
  }
  await fetcher.stop();
  await vi.waitUntil(() => isDone(admin, topics.rawMovies.name), { timeout: 10_000 });
  await loader.stop();

  const parked = (await fixture.deadLetters()).map(([id, reason]) => `${id.split('/')[0]} ${reason}`);
  expect(parked.toSorted()).toEqual(falseRecords.map(({ topic, reason }) => `${topic} ${reason}`).toSorted());
  expect(await fixture.audit()).toMatchObject({ parked: falseRecords.length });
});
