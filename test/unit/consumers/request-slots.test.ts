import { describe, expect, it } from 'vitest';
import { type Priority, RequestSlots } from '../../../consumers/request-slots.ts';
import { settle } from '../../support/clock/manual-clock.ts';

/** Slots whose work ends when the test says so. */
class Bench {
  readonly started: string[] = [];
  readonly #ends = new Map<string, () => void>();
  readonly #slots: RequestSlots;

  constructor(slots: number, backfillEvery: number) {
    this.#slots = new RequestSlots({ slots, backfillEvery });
  }

  ask(priority: Priority, name: string, signal = new AbortController().signal): Promise<string> {
    const work = () =>
      new Promise<string>((resolve) => {
        this.started.push(name);
        this.#ends.set(name, () => resolve(name));
      });
    return this.#slots.run(priority, work, signal);
  }

  /** Ends what runs, again and again, until nothing more starts. */
  async endAll(): Promise<void> {
    for (await settle(); this.#ends.size > 0; await settle()) {
      const [[name, end] = []] = this.#ends;
      this.#ends.delete(name ?? '');
      end?.();
    }
  }
}

const names = (letter: string, count: number) => Array.from({ length: count }, (_, index) => `${letter}${index}`);

describe('the slots of a fetcher', () => {
  it('[R133] serve an id that arrives before everything of the backfill that waits', async () => {
    const bench = new Bench(2, 10);
    for (const name of names('b', 50)) void bench.ask('backfill', name);
    await settle();
    void bench.ask('first', 'popular');
    await bench.endAll();
    expect(bench.started.indexOf('popular')).toBe(2);
    expect(bench.started).toHaveLength(51);
  });

  it('[R133] are for the backfill one time in ten while others wait', async () => {
    const bench = new Bench(1, 10);
    void bench.ask('first', 'running');
    for (const name of names('b', 5)) void bench.ask('backfill', name);
    for (const name of names('p', 100)) void bench.ask('first', name);
    await bench.endAll();
    const positions = names('b', 5).map((name) => bench.started.indexOf(name));
    expect(positions).toEqual([10, 20, 30, 40, 50]);
  });

  it('are all for the backfill while nothing else waits', async () => {
    const bench = new Bench(3, 10);
    for (const name of names('b', 9)) void bench.ask('backfill', name);
    await settle();
    expect(bench.started).toEqual(names('b', 3));
  });

  it('are free again after work that failed', async () => {
    const slots = new RequestSlots({ slots: 1, backfillEvery: 10 });
    const { signal } = new AbortController();
    await expect(slots.run('first', () => Promise.reject(new Error('failed')), signal)).rejects.toThrow('failed');
    expect(await slots.run('backfill', async () => 'done', signal)).toBe('done');
  });

  it('are given to the next when a waiting one stops, and not to a stopped one', async () => {
    const bench = new Bench(1, 10);
    const stop = new AbortController();
    void bench.ask('first', 'running');
    const waiting = bench.ask('first', 'stopped', stop.signal);
    void bench.ask('backfill', 'next');
    stop.abort(new Error('drained'));
    await expect(waiting).rejects.toThrow('drained');
    await expect(bench.ask('first', 'late', stop.signal)).rejects.toThrow('drained');
    await bench.endAll();
    expect(bench.started).toEqual(['running', 'next']);
  });
});
