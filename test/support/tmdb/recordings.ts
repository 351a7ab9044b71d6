import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Recordings of TMDb lie beside the repository, never in it, and not everywhere. */
export const recordings = fileURLToPath(new URL('../../../../shared/tmdb/', import.meta.url));

export const hasRecordings = existsSync(`${recordings}quirks.ndjson`);

/** Tests that are skipped say so. */
export function announceSkipped(what: string): void {
  if (!hasRecordings) console.warn(`SKIPPED ${what}: no recordings in ${recordings}`);
}
