import { expect, it } from 'vitest';
import { runTaskGroup } from '../../../runtime/task-group.ts';

const untilAborted = (signal: AbortSignal, drained: () => void) =>
  new Promise<string>((resolve) =>
    signal.addEventListener('abort', () => {
      drained();
      resolve('drained');
    }),
  );

it('returns the result of every stage', async () => {
  const { signal } = new AbortController();
  expect(await runTaskGroup(signal, [async () => 1, async () => 'two'])).toEqual([1, 'two']);
});

it('drains the others when one fails, and throws its error once they are done', async () => {
  const { signal } = new AbortController();
  const failure = new Error('died');
  let hasDrained = false;
  const running = runTaskGroup(signal, [
    (within) =>
      untilAborted(within, () => {
        hasDrained = true;
      }),
    () => Promise.reject(failure),
  ]);
  await expect(running).rejects.toBe(failure);
  expect(hasDrained).toBe(true);
});

it('passes the signal on', async () => {
  const controller = new AbortController();
  const running = runTaskGroup(controller.signal, [(signal) => untilAborted(signal, () => {})]);
  controller.abort();
  expect(await running).toEqual(['drained']);
});
