import { expect, it } from 'vitest';
import { runMember } from '../../../kafka/group-member.ts';
import { whenAborted } from '../../../runtime/abort.ts';
import { createTopic, testKafka, uniqueName } from '../../support/kafka/broker.ts';

it('ends with the error if it fails before it reads, and never as if it were done', async () => {
  const kafka = testKafka();
  const topic = await createTopic(kafka);
  const settings = { group: uniqueName('group'), maxBytesPerPartition: 1_000, maxBytes: 1_000, maxWaitMs: 50 };
  const failure = new RangeError('failed while joining');
  const running = runMember(
    kafka,
    [topic],
    settings,
    (member) => {
      member.fail(failure);
      return { onJoined: () => {}, onBatch: async () => {} };
    },
    ({ closed }) => whenAborted(closed),
  );
  await expect(running).rejects.toBe(failure);
});
