import { createHash } from 'node:crypto';

/** The same UUID each time for the same name, so that a new import replaces what an earlier one made. */
export function uuidOf(name: string): string {
  const hex = createHash('sha256').update(`tmdb-stream ${name}`).digest('hex');
  const variant = ((Number.parseInt(hex[16] ?? '0', 16) & 3) | 8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `5${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}
