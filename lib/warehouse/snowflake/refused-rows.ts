import type { RowAddress } from '../row-address.ts';
import type { Batch } from '../warehouse.ts';
import type { SnowflakeSession } from './session.ts';

/** Documents of one question: together at most so many, and so many characters. */
const maxRows = 200;
const maxLength = 4_000_000;

/**
 * The rows whose documents Snowflake itself cannot parse. It names none when it refuses a batch, so each document is sent again:
 * for batches that were refused only.
 */
export async function refusedRows(session: SnowflakeSession, batches: readonly Batch[]): Promise<RowAddress[]> {
  const refused: RowAddress[] = [];
  for (const chunk of chunksOf(batches)) {
    const { rows } = await session.execute({
      sql: `select column1 as place from values ${chunk.map(() => '(?, ?)').join(', ')}
             where try_parse_json(column2, 'd') is null`,
      binds: chunk.flatMap(({ text }, place) => [place, text]),
    });
    for (const { place } of rows) {
      const document = chunk[Number(place)];
      if (document) refused.push(document.address);
    }
  }
  return refused;
}

interface Document {
  readonly address: RowAddress;
  readonly text: string;
}

function* chunksOf(batches: readonly Batch[]): Generator<Document[]> {
  let chunk: Document[] = [];
  let length = 0;
  for (const { partition, rows } of batches) {
    for (const { kafkaOffset, body } of rows) {
      const text = body.toString();
      chunk.push({ address: { partition, kafkaOffset }, text });
      length += text.length;
      if (chunk.length < maxRows && length < maxLength) continue;
      yield chunk;
      [chunk, length] = [[], 0];
    }
  }
  if (chunk.length > 0) yield chunk;
}
