import { beforeEach, describe, expect, it } from 'vitest';
import { WorkAhead } from '../../../kafka/work-ahead.ts';

describe('work that is done ahead of the last commit', () => {
  let now: number;
  let told: number[];
  let ahead: WorkAhead;

  beforeEach(() => {
    now = 0;
    told = [];
    ahead = new WorkAhead(
      { records: 3, ms: 5_000 },
      (records) => told.push(records),
      () => now,
    );
  });

  const commit = (outcome: Promise<void> = Promise.resolve()) => ahead.during(() => outcome);
  const finish = (records: number) => Array.from({ length: records }, () => ahead.finish());

  it('[R105] is bounded in records, and has room again after a commit', async () => {
    finish(2);
    expect(ahead.hasRoom).toBe(true);
    finish(1);
    expect([ahead.hasRoom, ahead.trouble]).toEqual([false, null]);
    await commit();
    expect([ahead.hasRoom, told.at(-1)]).toEqual([true, 0]);
  });

  it('[R105] is bounded in time', async () => {
    finish(1);
    now = 6_000;
    expect(ahead.hasRoom).toBe(false);
    expect(ahead.trouble).toBe('1 finished records are not committed, the oldest for 6 s');
    await commit();
    expect(ahead.hasRoom).toBe(true);
  });

  it('[R105] has no room after a commit that failed, until one has succeeded', async () => {
    finish(1);
    await expect(commit(Promise.reject(new Error('no coordinator')))).rejects.toThrow('no coordinator');
    expect(ahead.hasRoom).toBe(false);
    expect(ahead.trouble).toContain('no coordinator');
    await commit();
    expect([ahead.hasRoom, ahead.trouble]).toEqual([true, null]);
  });

  it('counts only records as committed that were finished when the commit began', async () => {
    finish(2);
    const sent = Promise.withResolvers<void>();
    const committing = commit(sent.promise);
    now = 1_000;
    finish(1);
    sent.resolve();
    await committing;
    expect(ahead.records).toBe(1);
  });

  it('has room again when other members have all of its partitions', async () => {
    finish(3);
    await commit(Promise.reject(new Error('not a member'))).catch(() => {});
    ahead.clear();
    expect([ahead.hasRoom, ahead.records, ahead.trouble]).toEqual([true, 0, null]);
  });
});
