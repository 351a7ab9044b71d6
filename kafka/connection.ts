import { KafkaError } from './errors.ts';

interface Client {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
}

/**
 * A client of kafkajs that connects on first use. A client that lost its broker often does not find another one, so after
 * `drop` the next use creates a new client, which connects to the next broker of the list.
 */
export class Connection<T extends Client> implements AsyncDisposable {
  readonly #create: () => T;
  #client: Promise<T> | undefined;
  #isClosed = false;

  constructor(create: () => T) {
    this.#create = create;
  }

  /** The connected client. @throws KafkaError after disposal, or what connecting throws; the next call tries again. */
  client(): Promise<T> {
    if (this.#isClosed) return Promise.reject(new KafkaError('the connection to Kafka is closed'));
    this.#client ??= this.#connect();
    return this.#client;
  }

  /**
   * Replaces a client that failed; disconnects in the background, because a client that hangs disconnects only when its requests
   * have timed out. @param client what `client` returned; without effect on a newer one.
   */
  drop(client: Promise<T> | undefined = this.#client): void {
    if (this.#client === client) this.#client = undefined;
    void disconnect(client);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await disconnect(this.#client);
  }

  #connect(): Promise<T> {
    const client = this.#create();
    const connected = client.connect().then(() => client);
    connected.catch(() => this.drop(connected));
    return connected;
  }
}

async function disconnect(client: Promise<Client> | undefined): Promise<void> {
  await client?.then((connected) => connected.disconnect()).catch(() => {});
}
