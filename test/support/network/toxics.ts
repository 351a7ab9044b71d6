import { setTimeout as delay } from 'node:timers/promises';
import type { Chunk, Connection, Toxic } from './fault-proxy.ts';

/** Faults of the network between two processes, with Toxiproxy's names. */

type Pass = (chunk: Chunk, count: () => void) => AsyncIterable<Buffer>;

/** A toxic that counts the calls of `count`. */
export function toxicOf(name: string, pass: Pass, ends: Pick<Toxic, 'begin' | 'end'> = {}): Toxic {
  const count = () => {
    toxic.injections += 1;
  };
  const toxic: Toxic = { name, injections: 0, pass: (chunk) => pass(chunk, count), ...ends };
  return toxic;
}

/** Everything arrives `ms` late, give or take `jitterMs`, in order. */
export const latency = (ms: number, jitterMs = 0, random: () => number = Math.random): Toxic =>
  toxicOf(`latency of ${ms} ms +- ${jitterMs} ms`, async function* ({ bytes, arrivedAt }, count) {
    const dueAt = arrivedAt + ms + (2 * random() - 1) * jitterMs;
    await delay(Math.max(0, dueAt - performance.now()));
    count();
    yield bytes;
  });

/** Limits the bandwidth of each connection in each direction. */
export const bandwidth = (bytesPerSecond: number): Toxic => {
  const chunkBytes = Math.ceil(bytesPerSecond / 20);
  return toxicOf(`bandwidth of ${bytesPerSecond} B/s`, ({ bytes }, count) => slices(bytes, chunkBytes, 50, count));
};

/** Chunks of this size, one every `delayMs`. */
export const slicer = (chunkBytes: number, delayMs: number): Toxic =>
  toxicOf(`slices of ${chunkBytes} B every ${delayMs} ms`, ({ bytes }, count) =>
    slices(bytes, chunkBytes, delayMs, count),
  );

async function* slices(bytes: Buffer, chunkBytes: number, delayMs: number, count: () => void): AsyncGenerator<Buffer> {
  for (let from = 0; from < bytes.length; from += chunkBytes) {
    await delay(delayMs);
    count();
    yield bytes.subarray(from, from + chunkBytes);
  }
}

/** A black hole: bytes go in, none come out, and the connection stays open. @param whose connections; default: all. */
export const blackHole = (whose: (connection: Connection) => boolean = () => true): Toxic =>
  tamper('black hole', ({ bytes, connection }) => (whose(connection) ? 'drop' : bytes));

/** Any transferred byte ends the connection with an RST. */
export const resetPeer = (): Toxic => tamper('reset', () => 'reset');

/** Each connection ends after this number of bytes in one direction, in the middle of a message. */
export function limitData(maxBytes: number): Toxic {
  const passed = { up: new WeakMap<Connection, number>(), down: new WeakMap<Connection, number>() };
  return toxicOf(`end after ${maxBytes} B`, async function* ({ bytes, direction, connection }, count) {
    const before = passed[direction].get(connection) ?? 0;
    passed[direction].set(connection, before + bytes.length);
    yield bytes.subarray(0, Math.max(0, maxBytes - before));
    if (before + bytes.length < maxBytes) return;
    count();
    connection.close();
  });
}

/** The port is closed, and open connections are cut. */
export function down(): Toxic {
  const toxic = toxicOf('down', async function* () {}, {
    begin: async (proxy) => {
      toxic.injections += await proxy.stopListening();
    },
    end: (proxy) => proxy.listenAgain(),
  });
  return toxic;
}

/** Decides for each chunk: the bytes to forward, nothing, or an RST. Unchanged bytes do not count. */
export const tamper = (name: string, decide: (chunk: Chunk) => Buffer | 'drop' | 'reset'): Toxic =>
  toxicOf(name, async function* (chunk, count) {
    const decision = decide(chunk);
    if (decision !== chunk.bytes) count();
    if (decision === 'reset') chunk.connection.reset();
    else if (decision === 'drop') chunk.connection.isTorn = true;
    else yield decision;
  });
