import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { keepTouching, lapsesInMs } from '../../../runtime/file-lease.ts';
import { leases } from '../../../runtime/leases.ts';

let folder: string;
let file: string;
beforeEach(() => {
  vi.useFakeTimers();
  folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-file-lease-'));
  file = join(folder, 'lease');
  writeFileSync(file, '');
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
});

it('a file that is touched remains valid, and lapses when that ends', () => {
  const end = keepTouching(file);
  vi.advanceTimersByTime(60_000);
  expect(lapsesInMs(file, 'fileLock')).toBeCloseTo(leases.fileLock, 0);
  end();
  vi.advanceTimersByTime(4_000);
  expect(lapsesInMs(file, 'fileLock')).toBeCloseTo(leases.fileLock - 4_000, 0);
});

it('a file that another process has removed has lapsed, and its owner continues', () => {
  const end = keepTouching(file);
  rmSync(file);
  vi.advanceTimersByTime(1_000);
  expect(lapsesInMs(file, 'brokerClaim')).toBe(0);
  end();
});
