import { describe, expect, it } from 'vitest';
import { type ExportBatch, readBatches } from '../../../tmdb/export-batches.ts';

const line = (id: unknown) =>
  JSON.stringify({ adult: false, id, original_title: 'Amélie\u2028"', popularity: 1, video: false });

/** The text in chunks of `size` bytes. */
async function* chunksOf(text: string, size: number): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}

async function batchesOf(text: string, { size = 50, batchLines = 2 } = {}): Promise<ExportBatch[]> {
  const batches = [];
  for await (const batch of readBatches(chunksOf(text, size), { batchLines })) batches.push(batch);
  return batches;
}

describe('the batches of an export', () => {
  const five = [7, 3, 9, 1, 5].map(line).join('\n');

  it.each([1, 7, 50, 10_000])('have every line once, in order, in chunks of %i bytes', async (size) => {
    const expected = [
      { lines: 2, movieIds: [7, 3], unusable: 0 },
      { lines: 4, movieIds: [9, 1], unusable: 0 },
      { lines: 5, movieIds: [5], unusable: 0 },
    ];
    expect(await batchesOf(`${five}\n`, { size })).toEqual(expected);
    expect(await batchesOf(five, { size })).toEqual(expected);
  });

  it('[R130] count lines that name no movie, and have the others', async () => {
    const bad = ['', '{', 'null', '[]', '7', ...[null, '7', 0, -7, 1.5, 2 ** 31, undefined].map(line)];
    const [batch] = await batchesOf([line(1), ...bad, line(2)].join('\n'), { batchLines: 100 });
    expect(batch).toEqual({ lines: bad.length + 2, movieIds: [1, 2], unusable: bad.length });
  });

  it('[R130] keep no line in memory that is longer than any of TMDb', async () => {
    let longest = 0;
    async function* endless(): AsyncGenerator<Buffer> {
      yield Buffer.from(`${line(1)}\n`);
      for (let chunk = 0; chunk < 100; chunk += 1) {
        const before = process.memoryUsage().arrayBuffers;
        yield Buffer.alloc(1_000_000, 'a');
        longest = Math.max(longest, process.memoryUsage().arrayBuffers - before);
      }
      yield Buffer.from(`\n${line(2)}`);
    }
    const batches = [];
    for await (const batch of readBatches(endless(), { batchLines: 10 })) batches.push(batch);
    expect(batches).toEqual([{ lines: 3, movieIds: [1, 2], unusable: 1 }]);
    expect(longest).toBeLessThan(30_000_000);
  });
});
