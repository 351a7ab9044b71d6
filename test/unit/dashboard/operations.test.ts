import { describe, expect, it, vi } from 'vitest';
import { readDefinitions } from '../../../dashboard/definitions.ts';
import { operationsView, sharedStatus } from '../../../dashboard/operations.ts';
import { sampleStatus } from '../../support/dashboard/sample-status.ts';

describe('the page of operations', () => {
  const definitions = readDefinitions();

  it('shows lag, tokens, layers, the last flush, and the last run of dbt with its failures', () => {
    const page = `${operationsView(sampleStatus, definitions)}`;
    for (const text of [
      '2026-01-02 03:04 UTC',
      '1,200',
      '34',
      '1 min 30 s',
      '12',
      '2026-01-02 03:00 UTC',
      '104,000',
      'failed',
      '101',
    ]) {
      expect(page).toContain(text);
    }
    expect(page).toContain('unique_&lt;b&gt;_movie');
  });

  it('shows why a part cannot be read, and the other parts', () => {
    const errors = [{ part: 'topics', message: 'Kafka is <out> of reach' }];
    const page = `${operationsView({ ...sampleStatus, topics: null, errors }, definitions)}`;
    expect(page).toContain('Cannot be read: Kafka is &lt;out&gt; of reach');
    expect(page).toContain('104,000');
  });

  it('says that there is nothing yet, and leaves out tokens that no one shares', () => {
    const nothing = { topics: [], tokens: null, layers: [], lastFlush: null, lastDbtRun: null };
    const page = `${operationsView({ ...sampleStatus, ...nothing }, definitions)}`;
    expect(page.match(/Nothing yet/g)).toHaveLength(4);
    expect(page).not.toContain('Tokens');
  });

  it('reads the status once for visitors while it is fresh, and again after a failure', async () => {
    let now = 0;
    const read = vi.fn(async () => sampleStatus);
    const shared = sharedStatus(read, () => now, 10_000);
    await Promise.all([shared(), shared()]);
    now = 9_999;
    await shared();
    expect(read).toHaveBeenCalledTimes(1);
    now = 10_000;
    read.mockRejectedValueOnce(new Error('no'));
    await expect(shared()).rejects.toThrow('no');
    await shared();
    expect(read).toHaveBeenCalledTimes(3);
  });
});
