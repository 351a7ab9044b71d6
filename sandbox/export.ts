import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createGzip } from 'node:zlib';
import { dayMs } from '../runtime/days.ts';
import type { Catalogue } from './catalogue.ts';
import type { MovieStates } from './movie-states.ts';

/** TMDb has the file of a day from 08:00 UTC on. */
const readyAfterMs = 8 * 3_600_000;
const keptDays = 90;
const chunkLines = 1_000;

/** Which file of the daily export a path names; null if it names none. */
export interface ExportFile {
  /** The first moment of the day, ms since the epoch. */
  readonly startsAt: number;
  readonly isAdult: boolean;
}

export function exportFileOf(pathname: string): ExportFile | null {
  const [, adult, month, day, year] =
    /^\/p\/exports\/(adult_)?movie_ids_(\d\d)_(\d\d)_(\d{4})\.json\.gz$/.exec(pathname) ?? [];
  if (year === undefined) return null;
  const startsAt = Date.parse(`${year}-${month}-${day}T00:00:00Z`);
  return Number.isNaN(startsAt) ? null : { startsAt, isAdult: adult !== undefined };
}

/** Whether the file exists at `now`, ms since the epoch. */
export const isExported = ({ startsAt }: ExportFile, now: number): boolean =>
  now >= startsAt + readyAfterMs && now < startsAt + keptDays * dayMs;

/** Sends the file line by line, so that its size does not matter. */
export async function sendExport(
  response: ServerResponse,
  { isAdult }: ExportFile,
  catalogue: Catalogue,
  states: MovieStates,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/gzip' });
  const lines = Readable.from(exportChunks(catalogue, states, isAdult));
  await pipeline(lines, createGzip({ level: constants.Z_BEST_SPEED }), response).catch(() => response.destroy());
}

/** The text of the file, some lines at a time. */
export function* exportChunks(catalogue: Catalogue, states: MovieStates, isAdult: boolean): Generator<string> {
  let lines: string[] = [];
  for (const movie of catalogue.exported()) {
    if (movie.adult !== isAdult || !states.exists(movie.id)) continue;
    lines.push(`${JSON.stringify(movie)}\n`);
    if (lines.length < chunkLines) continue;
    yield lines.join('');
    lines = [];
  }
  yield lines.join('');
}
