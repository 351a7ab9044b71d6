import { existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Context } from '../platform/context.ts';
import { messageOf } from '../runtime/errors.ts';
import { makeFolder } from '../runtime/make-folder.ts';
import { writePrivate } from '../runtime/write-private.ts';
import { type KeptCoverage, keptCoverageShape } from './coverage-report.ts';

const fileIn = (dataDir: string): string => join(dataDir, 'coverage.json');

/**
 * Keeps the last report of `coverage` in the data folder, without its list of missing movies. `status` and the dashboard show it:
 * computing one takes seconds and hundreds of megabytes at a million movies. Readers see the old report or the new one. A failure is
 * logged: the command has printed its report.
 */
export function saveCoverage(
  { config: { dataDir }, log }: Pick<Context, 'config' | 'log'>,
  coverage: KeptCoverage,
): void {
  const file = fileIn(dataDir);
  const text = JSON.stringify(z.encode(keptCoverageShape, { ...coverage, advice: [...coverage.advice] }));
  try {
    makeFolder(dataDir);
    writePrivate(`${file}.${process.pid}`, text);
    renameSync(`${file}.${process.pid}`, file);
  } catch (error) {
    log.warn({ error: messageOf(error) }, 'could not save the coverage report');
  }
}

/** @returns the last report; null before the first. @throws Error if the file is not a report of this version. */
export function readLastCoverage({ config: { dataDir } }: Pick<Context, 'config'>): KeptCoverage | null {
  const file = fileIn(dataDir);
  if (!existsSync(file)) return null;
  try {
    return z.decode(keptCoverageShape, JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    throw new Error(`${file} is not a report of this version: run "tmdb-stream coverage"`, { cause: error });
  }
}
