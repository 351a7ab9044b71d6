import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testKafka, uniqueName, withAdmin } from '../support/kafka/broker.ts';
import { Deployment } from '../support/kafka/deployment.ts';

const moviesOfPage = 20;

describe('two deployments with different prefixes on one broker', () => {
  const prefixes = [`${uniqueName('blue')}.`, `${uniqueName('green')}.`];
  let blue: Deployment;
  let green: Deployment;

  beforeAll(async () => {
    [blue, green] = await Promise.all([Deployment.open(prefixes[0] ?? '', 1), Deployment.open(prefixes[1] ?? '', 2)]);
  });
  afterAll(async () => {
    await Promise.all([blue[Symbol.asyncDispose](), green[Symbol.asyncDispose]()]);
  });

  it('[R115] each publish, fetch and load their own movies at the same time, and no record of the other', async () => {
    const counts = { published: moviesOfPage, fetched: moviesOfPage, rows: moviesOfPage };
    expect(await Promise.all([blue.ingest(), green.ingest()])).toEqual([counts, counts]);
    const [ofBlue, ofGreen] = await Promise.all([blue.movies(), green.movies()]);
    expect(ofBlue).toEqual(await blue.listed());
    expect(ofGreen).toEqual(await green.listed());
    expect(ofBlue).not.toEqual(ofGreen);
  });

  it('[R115] create only topics and groups whose names begin with their prefix, and leave no other group behind', async () => {
    const [topics, groups] = await withAdmin(testKafka(), async (admin) => [
      await admin.listTopics(),
      (await admin.listGroups()).groups.map(({ groupId }) => groupId),
    ]);
    for (const prefix of prefixes) {
      const own = (names: readonly string[]) => names.filter((name) => name.startsWith(prefix)).toSorted();
      expect(own(topics)).toEqual(
        ['dead-letters', 'movie-ids', 'movie-ids-backfill', 'producer-state', 'raw-genres', 'raw-movies'].map(
          (name) => `${prefix}tmdb.${name}`,
        ),
      );
      expect(own(groups)).toEqual(['fetcher', 'loader'].map((name) => `${prefix}tmdb.${name}`));
    }
    // The tests that share the broker have topics of their own, and none has the names of a deployment without a prefix.
    expect(topics.filter((name) => name.startsWith('tmdb.'))).toEqual([]);
    expect(groups.filter((name) => ['tmdb.loader', 'tmdb.fetcher'].includes(name))).toEqual([]);
  });

  it('[R115] find nothing to do the second time, whatever the other one has done', async () => {
    expect(await blue.ingest()).toEqual({ published: 0, fetched: 0, rows: 0 });
    expect(await blue.movies()).toEqual(await blue.listed());
  });
});
