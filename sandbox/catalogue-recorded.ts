import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { messageOf, UsageError } from '../runtime/errors.ts';
import {
  type Catalogue,
  type Details,
  type ExportedMovie,
  type Genre,
  genresOf,
  officialGenres,
  toListItem,
} from './catalogue.ts';
import { hashUnit } from './random.ts';

interface Entry {
  readonly id: number;
  readonly popularity: number;
  readonly document: Buffer;
}

/** Share of the catalogue that is edited on a day; on TMDb's changes list of 2026-06 it was 0.7 %. */
const changedShare = 0.007;

/**
 * Serves recorded `GET /movie/{id}` documents from an NDJSON file, gzipped or not, byte for byte. A later line with
 * the same id is a newer version. Memory contains only the bytes of each movie's newest line, nothing parsed.
 * @throws UsageError naming file and line if a line is not such a document, or if the file cannot be read.
 */
export async function openRecordedCatalogue(file: string): Promise<Catalogue> {
  const entries = new Map<number, Entry>();
  const genres = new Map<number, Genre>(officialGenres.map((genre) => [genre.id, genre]));
  let lineNumber = 0;
  for await (const line of readLines(file)) {
    lineNumber += 1;
    if (line.length === 0) continue;
    const details = parseLine(line, file, lineNumber);
    for (const genre of genresOf(details)) if (!genres.has(genre.id)) genres.set(genre.id, genre);
    entries.set(details.id, { id: details.id, popularity: Number(details.popularity) || 0, document: line });
  }
  if (entries.size === 0) throw new UsageError(`${file} holds no movie: expected one JSON document per line`);
  return toCatalogue(entries, [...genres.values()]);
}

function toCatalogue(entries: ReadonlyMap<number, Entry>, genres: readonly Genre[]): Catalogue {
  const byRank = [...entries.values()].sort((a, b) => b.popularity - a.popularity || a.id - b.id);
  return {
    size: byRank.length,
    genres,
    document: (id) => entries.get(id)?.document ?? null,
    listItem: (rank) => {
      const entry = byRank[rank];
      if (!entry) throw new RangeError(`Expected a rank below ${byRank.length}, got ${rank}`);
      return toListItem(JSON.parse(entry.document.toString()));
    },
    exported: function* () {
      for (const { document } of byRank) yield exportedOf(JSON.parse(document.toString()));
    },
    changedOn: (day) => byRank.filter(({ id }) => hashUnit(id, day) < changedShare).map(({ id }) => id),
  };
}

const exportedOf = ({ id, adult, original_title, popularity, video }: Details): ExportedMovie => ({
  adult: adult === true,
  id,
  original_title: String(original_title),
  popularity: Number(popularity) || 0,
  video: video === true,
});

function parseLine(line: Buffer, file: string, lineNumber: number): Details {
  const refuse = (why: string) => new UsageError(`${file}, line ${lineNumber}: ${why}`);
  let parsed: Partial<Details> | null;
  try {
    parsed = JSON.parse(line.toString());
  } catch (error) {
    throw refuse(`no JSON (${messageOf(error).slice(0, 80)})`);
  }
  const id = parsed?.id;
  if (!Number.isSafeInteger(id) || Number(id) <= 0) throw refuse('no movie document: "id" is no positive integer');
  return parsed as Details;
}

const newline = 0x0a;
const carriageReturn = 0x0d;

/** Lines without their line ends. A line within one chunk is a view of it, so almost no byte is copied. */
async function* readLines(file: string): AsyncGenerator<Buffer> {
  let rest: Buffer[] = [];
  for await (const chunk of readChunks(file)) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      yield trimmed(
        rest.length > 0 ? Buffer.concat([...rest, chunk.subarray(start, end)]) : chunk.subarray(start, end),
      );
      rest = [];
      start = end + 1;
    }
    if (start < chunk.length) rest.push(chunk.subarray(start));
  }
  if (rest.length > 0) yield trimmed(Buffer.concat(rest));
}

const trimmed = (line: Buffer) => (line.at(-1) === carriageReturn ? line.subarray(0, -1) : line);

/** @throws UsageError if the file does not exist or its gzip is broken. */
async function* readChunks(file: string): AsyncGenerator<Buffer> {
  const source = createReadStream(file);
  const output = file.endsWith('.gz') ? createGunzip() : source;
  // `pipeline` forwards an error of the source to `output`, where the loop below receives it.
  const piped = output === source ? Promise.resolve() : pipeline(source, output as NodeJS.WritableStream);
  piped.catch(() => {});
  try {
    for await (const chunk of output) yield chunk as Buffer;
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${messageOf(error)}`);
  } finally {
    source.destroy();
  }
}
