import { readExportLine } from './answers.ts';

const newline = 0x0a;
/** TMDb's longest lines have about 600 bytes. What is longer is no line of the export, and is not kept in memory. */
const longestLine = 64_000;

/** Consecutive lines of an export. */
export interface ExportBatch {
  /** Lines from the beginning of the file to the end of this batch. */
  readonly lines: number;
  readonly movieIds: readonly number[];
  /** Lines of this batch that name no movie. */
  readonly unusable: number;
}

/** A batch while its lines are read. */
class BatchBuilder {
  #movieIds: number[] = [];
  #unusable = 0;
  #lines = 0;
  readonly #batchLines: number;

  constructor(batchLines: number) {
    this.#batchLines = batchLines;
  }

  /** @param line null if it is longer than any line of the export. @returns the batch that it completes. */
  add(line: Buffer | null): ExportBatch | null {
    this.#lines += 1;
    const movieId = line && readExportLine(line);
    if (movieId === null) this.#unusable += 1;
    else this.#movieIds.push(movieId);
    return this.#movieIds.length + this.#unusable === this.#batchLines ? this.take() : null;
  }

  /** The lines since the last batch; null if there are none. */
  take(): ExportBatch | null {
    if (this.#movieIds.length + this.#unusable === 0) return null;
    const batch = { lines: this.#lines, movieIds: this.#movieIds, unusable: this.#unusable };
    this.#movieIds = [];
    this.#unusable = 0;
    return batch;
  }
}

/**
 * Divides the bytes of an export into batches of `batchLines` lines. Memory holds one batch and one line, whatever the bytes are.
 */
export async function* readBatches(
  chunks: AsyncIterable<Buffer>,
  { batchLines }: { readonly batchLines: number },
): AsyncGenerator<ExportBatch> {
  const batches = new BatchBuilder(batchLines);
  for await (const line of readLines(chunks)) {
    const batch = batches.add(line);
    if (batch) yield batch;
  }
  const last = batches.take();
  if (last) yield last;
}

/** Lines without their ends; null for a line that is too long. */
async function* readLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer | null> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  const lineOf = (end: Buffer): Buffer | null => {
    const isTooLong = restBytes + end.length > longestLine;
    const line = isTooLong ? null : rest.length > 0 ? Buffer.concat([...rest, end]) : end;
    rest = [];
    restBytes = 0;
    return line;
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      yield lineOf(chunk.subarray(start, end));
      start = end + 1;
    }
    if (start === chunk.length) continue;
    restBytes += chunk.length - start;
    if (restBytes > longestLine) rest = [];
    else rest.push(chunk.subarray(start));
  }
  if (restBytes > 0) yield lineOf(Buffer.alloc(0));
}
