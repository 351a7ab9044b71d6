import { describe, expect, it, vi } from 'vitest';
import { operationsView, shared } from '../../../dashboard/operations.ts';
import { sampleStatus } from '../../support/dashboard/sample-status.ts';

describe('the page of operations', () => {
  it('shows lag, tokens, layers, the last flush, and the last run of dbt with its failures', () => {
    const page = `${operationsView(sampleStatus)}`;
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

  it('shows the open dead letters with their reason, and what becomes of them if they are sent back now', () => {
    const page = `${operationsView(sampleStatus)}`;
    expect(page).toContain('invalid_json');
    expect(page).toContain('1 loaded, 2 parked again, 2 older ones not simulated: it contains &lt;no&gt; JSON');
  });

  it('lists drift with a movie as an example, the newest findings first', () => {
    const page = `${operationsView(sampleStatus)}`;
    expect(page).toContain('<bdi>Re&lt;b&gt;issued</bdi>');
    expect(page).toContain('<a href="/movies/4711">');
    expect(`${operationsView({ ...sampleStatus, drift: { findings: [] } })}`).toContain('have the pinned shape');
    const findings = Array.from({ length: 52 }, () => sampleStatus.drift?.findings[0] ?? []).flat();
    const long = `${operationsView({ ...sampleStatus, drift: { findings } })}`;
    expect(long.match(/href="\/movies\/4711"/g)).toHaveLength(50);
    expect(long).toContain('Not shown: 2 older. For all, run <code>npx tmdb-stream drift</code>');
  });

  it('shows the last coverage report, rounded down, with what to run', () => {
    const page = `${operationsView(sampleStatus)}`;
    for (const text of ['1,240,000', '89.99', '136,000', '12 movies are &lt;parked&gt;']) expect(page).toContain(text);
    expect(`${operationsView({ ...sampleStatus, coverage: null })}`).toContain('Not read yet');
  });

  it('[R159] says that the last run of dbt was a partial run', () => {
    const text = `${operationsView(sampleStatus)}`.replaceAll(/\s*<[^>]*>\s*/g, '|');
    expect(text).toMatch(/Next run\|+partial run\|/);
  });

  it('shows the cost on Snowflake', () => {
    const lastDayAtSnowflake = {
      ...{ flushes: 96, rowsPerFlush: 3_600, dbtRuns: 96, secondsAwake: 17_280, estimatedCredits: 6.5 },
      creditsPer1000Movies: null,
    };
    const page = `${operationsView({ ...sampleStatus, lastDayAtSnowflake })}`;
    for (const text of ['Credits, estimated', '6.500', '4 h 48 min', '3600.0']) expect(page).toContain(text);
  });

  it('shows why a part cannot be read, and the other parts', () => {
    const errors = [{ part: 'topics', message: 'Kafka is <out> of reach' }];
    const page = `${operationsView({ ...sampleStatus, topics: null, errors })}`;
    expect(page).toContain('Cannot be read: Kafka is &lt;out&gt; of reach');
    expect(page).toContain('104,000');
  });

  it('[R188] shows the part of the topics that is known, and why the rest is not', () => {
    const errors = [{ part: 'topics', message: 'BRONZE continues <it> elsewhere' }];
    const page = `${operationsView({ ...sampleStatus, errors })}`;
    expect(page).toContain('1,200');
    expect(page).toContain('Partly unknown: BRONZE continues &lt;it&gt; elsewhere');
    expect(page).not.toContain('Cannot be read');
    const coverage = [{ part: 'coverage', message: 'not a file' }];
    const unread = `${operationsView({ ...sampleStatus, coverage: null, errors: coverage })}`;
    expect(unread).toContain('Cannot be read: not a file');
    expect(unread).not.toContain('Not read yet');
  });

  it('says that there is nothing yet, and leaves out tokens that no one shares', () => {
    const nothing = {
      topics: [],
      tokens: null,
      layers: [],
      lastFlush: null,
      lastDbtRun: null,
      deadLetters: [],
      drift: null,
    };
    const page = `${operationsView({ ...sampleStatus, ...nothing })}`;
    expect(page.match(/Nothing yet/g)).toHaveLength(6);
    expect(page).not.toContain('Tokens');
  });

  it('reads the status once for visitors while it is fresh, and again after a failure', async () => {
    let now = 0;
    const read = vi.fn(async () => sampleStatus);
    const status = shared(read, () => now, 10_000);
    await Promise.all([status(), status()]);
    now = 9_999;
    await status();
    expect(read).toHaveBeenCalledTimes(1);
    now = 10_000;
    read.mockRejectedValueOnce(new Error('no'));
    await expect(status()).rejects.toThrow('no');
    await status();
    expect(read).toHaveBeenCalledTimes(3);
  });
});
