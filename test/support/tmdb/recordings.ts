import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Recordings of TMDb are stored beside the repository, never in it. Not every machine has them. */
export const recordings = fileURLToPath(new URL('../../../../shared/tmdb/', import.meta.url));

export const hasRecordings = existsSync(`${recordings}quirks.ndjson`);

/** Prints which tests are skipped. */
export function announceSkipped(what: string): void {
  if (!hasRecordings) console.warn(`SKIPPED ${what}: no recordings in ${recordings}`);
}
