import { headerBytes, headerOfSchema } from '../../schemas/avro-codec.ts';
import type { SchemaVersion } from '../../schemas/codec.ts';
import { allTopics, type Topic, type Topics } from '../../schemas/topics.ts';
import type { FetchedMessage } from '../batches/fetched-message.ts';
import type { Headers } from '../topic.ts';
import type { Registry } from './registry.ts';

/** Confluent's format: this byte, the id of the schema in 4 bytes, the body. */
const magicByte = 0;
const prefixBytes = 5;

/**
 * Names the schema of a record in Confluent's format, beside its id: our own records are read without the registry, also
 * after the setting was removed.
 */
export const schemaHeader = 'tmdb-stream.schema';

/** A registry's ids are 32 bits with a sign. It answers a larger one like an unknown address, not like an unknown id. */
const largestId = 0x7fff_ffff;

/** Ids of schemas that are not ours. More than this means that someone writes foreign records; then they are asked for again. */
const maxForeignIds = 1_000;

/**
 * The formats of a record's value in Kafka. Codecs know Avro's single-object encoding only. With a registry, records are written
 * in Confluent's format. Records in either format are read, whatever the setting: both have the same body.
 */
export class WireFormat {
  readonly #topics: readonly Topic[];
  readonly #registry: Registry | null;
  /** What precedes a body in the single-object encoding, by its schema. */
  readonly #headers: ReadonlyMap<string, Buffer>;
  /** Of each topic: what precedes a body in Confluent's format, by its schema. */
  readonly #prefixes = new Map<string, ReadonlyMap<string, Buffer>>();
  /** By id: null for a schema that is not ours. */
  readonly #known = new Map<number, Buffer | null>();

  /** @param registry null: records are written in the single-object encoding, and nothing is asked. */
  constructor(topics: Topics, registry: Registry | null) {
    this.#topics = allTopics(topics);
    this.#registry = registry;
    this.#headers = new Map(this.#topics.flatMap(versionsOf).map(({ header }) => [keyOf(header), header]));
  }

  /**
   * Registers the schemas of all topics, all versions of each, so that a record of an older version can be written again.
   * To be called before the first write. @throws SchemaRefusedError, or KafkaError as `Reach.persist`.
   */
  async register(): Promise<void> {
    const registry = this.#registry;
    if (registry) await Promise.all(this.#topics.map((topic) => this.#registerTopic(registry, topic)));
  }

  /** The subject is that of Confluent's TopicNameStrategy, the default of its clients. */
  async #registerTopic({ client, reach }: Registry, topic: Topic): Promise<void> {
    const subject = `${topic.name}-value`;
    const prefixes = new Map<string, Buffer>();
    for (const { text, header } of versionsOf(topic)) {
      const id = await reach.persist(`registering the schema of ${subject}`, () => client.register(subject, text));
      prefixes.set(keyOf(header), prefixOf(id));
      this.#known.set(id, header);
    }
    this.#prefixes.set(topic.name, prefixes);
  }

  /** The value and headers to write. Bytes of no schema of ours are written as they are. @throws Error before `register`: a bug. */
  toWire(topic: string, value: Buffer): { readonly value: Buffer; readonly headers: Headers } {
    if (!this.#registry || value.length < headerBytes) return { value, headers: {} };
    const prefixes = this.#prefixes.get(topic);
    if (!prefixes) throw new Error(`the schemas of ${topic} are not registered`);
    const schema = keyOf(value);
    const prefix = prefixes.get(schema);
    if (!prefix) return { value, headers: {} };
    return { value: Buffer.concat([prefix, value.subarray(headerBytes)]), headers: { [schemaHeader]: schema } };
  }

  /**
   * Converts messages in Confluent's format to the single-object encoding, which codecs read. Waits for the registry if it has to be
   * asked. A message stays as it is if its schema is unknown or not ours: codecs cannot decode it.
   * @returns null if `closed` aborts meanwhile. @throws KafkaError as `Reach.persist`.
   */
  async fromWire(messages: readonly FetchedMessage[], closed: AbortSignal): Promise<readonly FetchedMessage[] | null> {
    if (!messages.some(isConfluent)) return messages;
    const read: FetchedMessage[] = [];
    const unknown = new Set<number>();
    for (const message of messages) {
      const header = isConfluent(message) ? await this.#headerOf(message, unknown, closed) : undefined;
      if (header === null) return null;
      read.push(header && message.value ? { ...message, value: withHeader(header, message.value) } : message);
    }
    return read;
  }

  /**
   * @param unknown ids that the registry does not have; they are asked for once for all messages.
   * @returns undefined: no schema of ours; null: closed meanwhile.
   */
  async #headerOf(
    { value, headers }: FetchedMessage,
    unknown: Set<number>,
    closed: AbortSignal,
  ): Promise<Buffer | undefined | null> {
    const named = this.#headers.get(headers[schemaHeader] ?? '');
    if (named || !value) return named;
    const id = value.readUInt32BE(1);
    const known = this.#known.get(id);
    if (known !== undefined || !this.#registry || id > largestId || unknown.has(id)) return known ?? undefined;
    const header = await unlessAborted(this.#ask(this.#registry, id), closed);
    if (header === undefined) unknown.add(id);
    return header;
  }

  async #ask({ client, reach }: Registry, id: number): Promise<Buffer | undefined> {
    const text = await reach.persist(`reading schema ${id}`, () => client.schema(id));
    // Not remembered after these messages: the registry may have it later.
    if (text === null) return undefined;
    const header = headerOfSchema(text);
    const ours = header ? this.#headers.get(keyOf(header)) : undefined;
    if (this.#known.size >= maxForeignIds) this.#known.clear();
    this.#known.set(id, ours ?? null);
    return ours;
  }
}

/** @returns null if the signal aborts first. The signal keeps nothing of it in memory. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | null> {
  const aborted = Promise.withResolvers<null>();
  const stop = () => aborted.resolve(null);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

const versionsOf = ({ codec }: Topic): readonly SchemaVersion[] => codec.versions ?? [];

/** Identifies a schema: the beginning of a value in the single-object encoding. */
const keyOf = (bytes: Buffer): string => bytes.toString('hex', 0, headerBytes);

function prefixOf(id: number): Buffer {
  const prefix = Buffer.from([magicByte, 0, 0, 0, 0]);
  prefix.writeUInt32BE(id, 1);
  return prefix;
}

/** Only the beginning of an unusable record is there. */
const isConfluent = ({ value, unusable }: FetchedMessage): boolean =>
  unusable === undefined && value !== null && value.length > prefixBytes && value[0] === magicByte;

const withHeader = (header: Buffer, value: Buffer): Buffer => Buffer.concat([header, value.subarray(prefixBytes)]);
