import { once } from 'node:events';
import { connect } from 'node:net';
import type { Connection, Direction, Toxic } from '../network/fault-proxy.ts';
import { toxicOf } from '../network/toxics.ts';

/** The part of Kafka's protocol that the tests write or change by hand: https://kafka.apache.org/protocol */
const api = { produce: 0, offsetCommit: 8, alterClientQuotas: 49 } as const;
export const errorCode = { ILLEGAL_GENERATION: 22, UNKNOWN_MEMBER_ID: 25, REBALANCE_IN_PROGRESS: 27 } as const;

/** Splits a stream into requests or responses. Each is preceded by its length. */
export class Frames {
  #rest = Buffer.alloc(0);

  *take(bytes: Buffer): Generator<Buffer> {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    while (this.#rest.length >= 4 && this.#rest.length >= 4 + this.#rest.readInt32BE()) {
      const end = 4 + this.#rest.readInt32BE();
      yield this.#rest.subarray(0, end);
      this.#rest = this.#rest.subarray(end);
    }
  }
}

/** The broker's responses to the next commits report each partition as refused, on connections that are opened from now on. */
export const refuseCommits = (code: number, times: number): Toxic =>
  injectIntoAnswers(`${times} commits refused with ${code}`, api.offsetCommit, times, (frame) => {
    refuse(frame, code);
    return frame;
  });

/** The broker writes the records, and its response is lost with the connection. Affects connections that are opened from now on. */
export const loseAnswersToWrites = (times: number): Toxic =>
  injectIntoAnswers(`${times} answers to writes lost`, api.produce, times, (_, connection) => {
    connection.reset();
    return null;
  });

/** @param inject changes a response to a request of the kind `apiKey`; if it returns null, the response does not arrive. */
function injectIntoAnswers(
  name: string,
  apiKey: number,
  times: number,
  inject: (frame: Buffer, connection: Connection) => Buffer | null,
): Toxic {
  const since = performance.now();
  const links = new WeakMap<Connection, Record<Direction, Frames> & { readonly asked: Set<number> }>();
  const toxic = toxicOf(name, async function* ({ bytes, direction, connection }, count) {
    if (connection.openedAt < since) return yield bytes;
    const link = links.get(connection) ?? { up: new Frames(), down: new Frames(), asked: new Set() };
    links.set(connection, link);
    for (const frame of link[direction].take(bytes)) {
      if (direction === 'up' && frame.readInt16BE(4) === apiKey) link.asked.add(frame.readInt32BE(8));
      const isInjected = direction === 'down' && link.asked.delete(frame.readInt32BE(4)) && toxic.injections < times;
      if (isInjected) count();
      const passed = isInjected ? inject(frame, connection) : frame;
      if (passed) yield passed;
    }
  });
  return toxic;
}

/** Writes the code into each partition of an OffsetCommit response, versions 3 to 7. */
function refuse(frame: Buffer, code: number): void {
  let at = 4 + 4 + 4; // length, correlation id, throttle time
  const topics = frame.readInt32BE(at);
  at += 4;
  for (let topic = 0; topic < topics; topic += 1) {
    at += 2 + frame.readInt16BE(at);
    const partitions = frame.readInt32BE(at);
    at += 4;
    for (let partition = 0; partition < partitions; partition += 1) {
      frame.writeInt16BE(code, at + 4);
      at += 6;
    }
  }
}

/** Limits the bytes per second that each client may write; null removes the limit. */
export async function setProducerQuota(broker: string, bytesPerSecond: number | null): Promise<void> {
  const body = Buffer.concat([
    int32(1), // one entry
    ...[int32(1), string('client-id'), int16(-1)], // the default of every client id
    ...[int32(1), string('producer_byte_rate'), double(bytesPerSecond ?? 0), int8(bytesPerSecond === null ? 1 : 0)],
    int8(0), // not only a validation
  ]);
  const header = Buffer.concat([int16(api.alterClientQuotas), int16(0), int32(1), string('test')]);
  const [host, port] = broker.split(':');
  const socket = connect({ host, port: Number(port) });
  try {
    socket.write(Buffer.concat([int32(header.length + body.length), header, body]));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    // Length, correlation id, throttle time, number of entries.
    const code = answer.readInt16BE(16);
    if (code !== 0) throw new Error(`the broker refused the quota with ${code}`);
  } finally {
    socket.destroy();
  }
}

function written(bytes: number, write: (buffer: Buffer) => void): Buffer {
  const buffer = Buffer.alloc(bytes);
  write(buffer);
  return buffer;
}

const int8 = (value: number) => written(1, (buffer) => buffer.writeInt8(value));
export const int16 = (value: number): Buffer => written(2, (buffer) => buffer.writeInt16BE(value));
export const int32 = (value: number): Buffer => written(4, (buffer) => buffer.writeInt32BE(value));
const double = (value: number) => written(8, (buffer) => buffer.writeDoubleBE(value));

/** A text after the number of its bytes. */
export const string = (text: string): Buffer => Buffer.concat([int16(Buffer.byteLength(text)), Buffer.from(text)]);
