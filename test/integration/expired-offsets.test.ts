import { afterAll, beforeAll, expect, it } from 'vitest';
import { createAdmin } from '../../kafka/admin.ts';
import { movieIdCodec } from '../../schemas/codecs.ts';
import { testKafka, uniqueName, writeMessages } from '../support/kafka/broker.ts';
import { Deployment } from '../support/kafka/deployment.ts';

const kafka = testKafka();

let deployment: Deployment;
let requested: number[] = [];
beforeAll(async () => {
  const onRequest = ({ path }: { readonly path: string }) => {
    const [, movieId] = /^\/3\/movie\/(\d+)$/.exec(path) ?? [];
    if (movieId !== undefined) requested.push(Number(movieId));
  };
  deployment = await Deployment.open(`${uniqueName('expired')}.`, 4, { sandbox: { onRequest } });
});
afterAll(() => deployment[Symbol.asyncDispose]());

const idRecord = (movieId: number) => ({
  key: String(movieId),
  value: movieIdCodec.encode({ movieId, reason: 'manual', page: null, rank: null, requestedAt: new Date() }),
});

it('[R175] a fetcher whose offsets have expired requests only what was neither answered nor parked', async () => {
  await using admin = createAdmin(kafka);
  const { topics, groups } = deployment.context.config.kafka;
  const { movieIds, deadLetters } = topics;
  const letters = async () => {
    const { low, high } = await admin.topicOffsets(deadLetters.name);
    return [...high].reduce((sum, [partition, end]) => sum + Number(end - (low.get(partition) ?? 0n)), 0);
  };
  await deployment.walk();
  await writeMessages(kafka, movieIds.name, [{ key: 'parked', value: Buffer.from('not Avro') }]);
  const fetched = await deployment.fetch();
  const [again = 0, ...answered] = await deployment.listed();
  expect(fetched).toBe(answered.length + 1);
  expect(new Set(requested)).toEqual(new Set([again, ...answered]));
  expect(await letters()).toBe(1);

  await admin.deleteGroup(groups.fetcher);
  expect(await admin.commits(groups.fetcher, movieIds.name)).toEqual(new Map());
  // An id that was answered, and is requested again; and ids that were never requested.
  const { movieId: never } = await unlisted([again, ...answered]);
  await writeMessages(kafka, movieIds.name, [idRecord(again), idRecord(never)]);
  requested = [];
  await deployment.fetch();
  expect(requested.toSorted()).toEqual([again, never].toSorted());
  expect(await letters()).toBe(1);
  expect(await admin.committedOffsets(groups.fetcher, movieIds.name)).toEqual(
    (await admin.topicOffsets(movieIds.name)).high,
  );

  await deployment.fetch();
  expect(requested).toHaveLength(2);
});

/** A movie of the sandbox that is not on its first page. */
async function unlisted(listed: readonly number[]): Promise<{ readonly movieId: number }> {
  const response = await fetch(`${deployment.sandbox.url}/movie/popular?page=2`, {
    headers: { authorization: 'Bearer any' },
  });
  const { results } = (await response.json()) as { readonly results: readonly { readonly id: number }[] };
  const other = results.find(({ id }) => !listed.includes(id));
  if (!other) throw new Error('all movies of the second page are also on the first');
  return { movieId: other.id };
}
