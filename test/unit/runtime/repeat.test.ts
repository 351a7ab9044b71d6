import { expect, it } from 'vitest';
import { KafkaError } from '../../../kafka/errors.ts';
import { repeat } from '../../../runtime/repeat.ts';
import { CredentialsRefusedError, TmdbError, TmdbUnreachableError } from '../../../tmdb/errors.ts';
import { ManualClock } from '../../support/clock/manual-clock.ts';
import { silent } from '../../support/kafka/broker.ts';

const minute = 60_000;

/** Repeats work that takes one minute every ten minutes, and records when it began. */
function start(failures: readonly (Error | undefined)[] = []) {
  const clock = new ManualClock();
  const controller = new AbortController();
  const startedAt: number[] = [];
  const beats: number[] = [];
  const outages: (string | null)[] = [];
  const work = async () => {
    startedAt.push(clock.monotonic() / minute);
    await clock.sleep(minute);
    const failure = failures[startedAt.length - 1];
    if (failure) throw failure;
  };
  const running = repeat(work, {
    everyMs: 10 * minute,
    isOutage: (error) => error instanceof TmdbError,
    clock,
    random: () => 0.5,
    signal: controller.signal,
    log: silent,
    onAlive: () => beats.push(clock.monotonic()),
    onOutage: (error) => outages.push(error?.message ?? null),
  });
  return { clock, controller, startedAt, beats, outages, running };
}

it('does the work at once, then at intervals from start to start, and ends when it is told to', async () => {
  const { clock, controller, startedAt, running } = start();
  await clock.advance(25 * minute);
  expect(startedAt).toEqual([0, 10, 20]);
  controller.abort();
  await running;
  expect(clock.sleeping).toBe(0);
});

it('reports progress while it waits', async () => {
  const { clock, beats } = start();
  await clock.advance(10 * minute);
  const silences = beats.map((at, index) => at - (beats[index - 1] ?? 0));
  expect(Math.max(...silences)).toBeLessThanOrEqual(minute);
  expect(beats.length).toBeGreaterThan(10);
});

it('retries after an outage, with backoff, at the latest after a whole interval', async () => {
  const outage = new TmdbUnreachableError('down');
  const { clock, startedAt } = start(Array.from({ length: 7 }, () => outage));
  await clock.advance(90 * minute);
  // Intervals are from start to start. The work itself takes a minute.
  const waits = startedAt.map((at, index) => at - (startedAt[index - 1] ?? at) - 1).slice(1, 8);
  expect(waits.map((wait) => Number(wait.toFixed(2)))).toEqual([0.5, 0.75, 1.25, 2.25, 4.25, 7.75, 7.75]);
  expect(startedAt.length).toBeGreaterThan(8);
});

it('[R66] reports an outage of any kind after each round, and its end', async () => {
  const failures = [new CredentialsRefusedError('refused'), new TmdbUnreachableError('down')];
  const { clock, outages } = start(failures);
  await clock.advance(10 * minute);
  expect(outages).toEqual(['refused', 'down', null]);
});

it.each([
  ['a Kafka client that failed', new KafkaError('gone')],
  ['a bug', new TypeError('x is not a function')],
])('ends with %s', async (_, failure) => {
  const { clock, startedAt, running } = start([failure]);
  const ended = expect(running).rejects.toBe(failure);
  await clock.advance(20 * minute);
  await ended;
  expect(startedAt).toEqual([0]);
});
