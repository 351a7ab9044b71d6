import { statSync } from 'node:fs';

/** When the copy of GOLD was made (ms since the epoch); undefined if there is none, or something else is in its place. */
export function goldPublishedAt(goldPath: string): number | undefined {
  try {
    const stats = statSync(goldPath, { throwIfNoEntry: false });
    return stats?.isFile() ? stats.mtimeMs : undefined;
  } catch {
    return undefined;
  }
}
