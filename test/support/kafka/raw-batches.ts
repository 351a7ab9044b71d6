import { once } from 'node:events';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { int16, int32, string } from './kafka-protocol.ts';

/** Batches of records in Kafka's storage format, built by hand: https://kafka.apache.org/documentation/#recordbatch */
const load = createRequire(import.meta.url);
const crc32c = load('kafkajs/src/protocol/recordBatch/crc32C') as (bytes: Buffer) => number;

export const codecs = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;

export interface RawRecord {
  readonly key?: Buffer | null;
  readonly value?: Buffer | null;
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly offsetDelta?: number;
}

/** A signed number as encoded in Kafka's records: zigzag, seven bits per byte. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let left = ((value << 1) ^ (value >> 31)) >>> 0; ; left >>>= 7) {
    if (left < 0x80) return Buffer.from([...bytes, left]);
    bytes.push((left & 0x7f) | 0x80);
  }
}

const nullable = (bytes: Buffer | null): Buffer[] => (bytes === null ? [varint(-1)] : [varint(bytes.length), bytes]);

/** One record, preceded by its length. */
export function rawRecord({ key = null, value = null, headers = [], offsetDelta = 0 }: RawRecord): Buffer {
  const fields = Buffer.concat([
    ...[Buffer.from([0]), varint(0), varint(offsetDelta), ...nullable(key), ...nullable(value)],
    varint(headers.length),
    ...headers.flatMap(([name, text]) => [...nullable(Buffer.from(name)), ...nullable(Buffer.from(text))]),
  ]);
  return Buffer.concat([varint(fields.length), fields]);
}

export interface RawBatch {
  /** The part after the header: records, compressed or not. */
  readonly body: Buffer;
  readonly count: number;
  readonly codec?: number;
  readonly baseOffset?: bigint;
  readonly lastOffsetDelta?: number;
  readonly attributes?: number;
  readonly timestamp?: number;
}

export function rawBatch(batch: RawBatch): Buffer {
  const { body, count, codec = 0, baseOffset = 0n, lastOffsetDelta = count - 1, attributes = 0 } = batch;
  const timestamp = BigInt(batch.timestamp ?? Date.now());
  const checked = Buffer.alloc(40);
  checked.writeInt16BE(attributes | codec, 0);
  checked.writeInt32BE(lastOffsetDelta, 2);
  checked.writeBigInt64BE(timestamp, 6);
  checked.writeBigInt64BE(timestamp, 14);
  checked.writeBigInt64BE(-1n, 22); // producer id
  checked.writeInt16BE(-1, 30);
  checked.writeInt32BE(-1, 32); // sequence
  checked.writeInt32BE(count, 36);
  const rest = Buffer.concat([checked, body]);
  const header = Buffer.alloc(21);
  header.writeBigInt64BE(baseOffset, 0);
  header.writeInt32BE(9 + rest.length, 8);
  header.writeInt32BE(-1, 12); // leader epoch
  header.writeInt8(2, 16);
  header.writeUInt32BE(crc32c(rest), 17);
  return Buffer.concat([header, rest]);
}

/** Records in one batch, ordered by offset. */
export const rawBatchOf = (records: readonly RawRecord[], more: Partial<RawBatch> = {}): Buffer =>
  rawBatch({
    body: Buffer.concat(records.map((record, offsetDelta) => rawRecord({ offsetDelta, ...record }))),
    count: records.length,
    ...more,
  });

/** Writes one batch unchanged. @returns its first offset. @throws Error with the broker's code if it is refused. */
export async function produceRaw(broker: string, topic: string, partition: number, batch: Buffer): Promise<bigint> {
  const version = batch.readInt16BE(21) % 8 === codecs.zstd ? 7 : 3;
  const request = Buffer.concat([
    ...[int16(0), int16(version), int32(1), string('test')], // Produce
    ...[int16(-1), int16(-1), int32(60_000)], // no transaction, all replicas, timeout
    ...[int32(1), string(topic), int32(1), int32(partition), int32(batch.length), batch],
  ]);
  const [host, port] = broker.split(':');
  const socket = connect({ host, port: Number(port) });
  try {
    socket.write(Buffer.concat([int32(request.length), request]));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    // Length, correlation id, one topic, its name, one partition, its number.
    const at = 4 + 4 + 4 + string(topic).length + 4 + 4;
    const code = answer.readInt16BE(at);
    if (code !== 0) throw new Error(`the broker refused the batch with ${code}`);
    return answer.readBigInt64BE(at + 2);
  } finally {
    socket.destroy();
  }
}
