import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** `up` is from the client to the server, `down` from the server to the client. */
export type Direction = 'up' | 'down';

/** Bytes on their way through the proxy, as received from the socket. */
export interface Chunk {
  readonly bytes: Buffer;
  readonly direction: Direction;
  /** Monotonic ms. */
  readonly arrivedAt: number;
  readonly connection: Connection;
}

/** A fault of the network. It counts its injections: a fault that was never injected shows nothing. */
export interface Toxic {
  readonly name: string;
  injections: number;
  /** The forwarded parts of a chunk, in order, each when it is due. */
  pass(chunk: Chunk): AsyncIterable<Buffer>;
  begin?(proxy: FaultProxy): Promise<void>;
  end?(proxy: FaultProxy): Promise<void>;
}

/** If more bytes than this wait in one direction, their sender must wait too. */
const maxWaitingBytes = 1_000_000;

/** A client's connection and the corresponding connection to the server. */
export class Connection {
  readonly openedAt = performance.now();
  /** Whether bytes were dropped: the rest of the stream would be meaningless. */
  isTorn = false;
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #toxic: () => Toxic | undefined;

  constructor(client: Socket, server: Socket, toxic: () => Toxic | undefined) {
    this.#client = client;
    this.#server = server;
    this.#toxic = toxic;
    for (const socket of [client, server]) socket.setNoDelay().on('error', () => this.reset());
    this.#pipe(client, server, 'up');
    this.#pipe(server, client, 'down');
  }

  /** Resets both connections, as if the server had crashed: each side receives an RST. */
  reset(): void {
    for (const socket of [this.#client, this.#server]) if (!socket.destroyed) socket.resetAndDestroy();
  }

  /** Ends it in both directions, as a server that stops does. */
  close(): void {
    this.#client.end();
    this.#server.end();
  }

  #pipe(from: Socket, to: Socket, direction: Direction): void {
    let waiting = 0;
    let passed: Promise<void> = Promise.resolve();
    from.on('data', (bytes: Buffer) => {
      waiting += bytes.length;
      if (waiting > maxWaitingBytes) from.pause();
      const chunk = { bytes, direction, arrivedAt: performance.now(), connection: this };
      passed = passed.then(async () => {
        await this.#pass(chunk, to);
        waiting -= bytes.length;
        if (waiting <= maxWaitingBytes) from.resume();
      });
    });
    from.on('end', () => void passed.then(() => to.end()));
  }

  async #pass(chunk: Chunk, to: Socket): Promise<void> {
    for await (const bytes of this.#toxic()?.pass(chunk) ?? [chunk.bytes]) {
      if (to.writable && !to.write(bytes)) await writableAgain(to);
    }
  }
}

/** Resolves then, or never if the connection ends. */
async function writableAgain(socket: Socket): Promise<void> {
  const over = new AbortController();
  const events = ['drain', 'close'].map((event) => once(socket, event, { signal: over.signal }));
  await Promise.race(events).catch(() => {});
  over.abort();
}

/**
 * A TCP proxy on loopback between a stage and a server, which injects network faults. It is modelled on Toxiproxy and has its
 * toxics. Toxiproxy itself is a Go program, which the tests should not require.
 */
export class FaultProxy implements AsyncDisposable {
  readonly port: number;
  readonly #connections = new Set<Connection>();
  #target: string;
  #server: Server;
  #toxic: Toxic | undefined;

  private constructor(server: Server, target: string) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    this.#target = target;
    this.#serve();
  }

  /** @param target `host:port` of the server. If it is not known yet, call `pointTo` later. */
  static async start(target = '127.0.0.1:1'): Promise<FaultProxy> {
    return new FaultProxy(await listen(0), target);
  }

  /** `host:port` for clients. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get connections(): ReadonlySet<Connection> {
    return this.#connections;
  }

  /** New connections go to `target` from now on. */
  pointTo(target: string): void {
    this.#target = target;
  }

  /** Applies `toxic` while `action` runs. @throws Error if it injected nothing. */
  async during<T>(toxic: Toxic, action: () => Promise<T>): Promise<T> {
    await this.set(toxic);
    try {
      const result = await action();
      if (toxic.injections === 0) throw new Error(`${toxic.name} injected nothing: the test shows nothing`);
      return result;
    } finally {
      await this.set(undefined);
    }
  }

  /** Sets the toxic from now on; undefined ends it. Then connections that have lost bytes are cut, as TCP would cut them. */
  async set(toxic: Toxic | undefined): Promise<void> {
    await this.#toxic?.end?.(this);
    this.#toxic = toxic;
    for (const connection of this.#connections) if (connection.isTorn) connection.reset();
    await toxic?.begin?.(this);
  }

  /** Refuses connections, and cuts open ones. @returns the number of cut connections. */
  async stopListening(): Promise<number> {
    const cut = this.#connections.size;
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const connection of this.#connections) connection.reset();
    await closed;
    return cut;
  }

  /** Accepts connections again, on the same port. */
  async listenAgain(): Promise<void> {
    this.#server = await listen(this.port);
    this.#serve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.stopListening();
  }

  #serve(): void {
    this.#server.on('connection', (client) => {
      const [host, port] = this.#target.split(':');
      const connection = new Connection(client, connect({ host, port: Number(port) }), () => this.#toxic);
      this.#connections.add(connection);
      client.once('close', () => this.#connections.delete(connection));
    });
  }
}

async function listen(port: number): Promise<Server> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
