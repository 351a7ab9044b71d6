import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FetchedMessage } from '../../../kafka/batches/fetched-message.ts';
import { openRegistry } from '../../../kafka/schema-registry/registry.ts';
import { schemaHeader, WireFormat } from '../../../kafka/schema-registry/wire-format.ts';
import { loadConfig } from '../../../platform/config.ts';
import { systemClock } from '../../../runtime/clock.ts';
import { Secret } from '../../../runtime/secret.ts';
import { schemaVersions } from '../../../schemas/avro-codec.ts';
import { DecodeError } from '../../../schemas/codec.ts';
import { movieIdCodec } from '../../../schemas/codecs.ts';
import { createTopics } from '../../../schemas/topics.ts';
import { silent } from '../../support/kafka/broker.ts';
import { startSchemaRegistry, type TestRegistry } from '../../support/kafka/schema-registry.ts';

const topics = createTopics('');
const [first = {}, newest = {}] = schemaVersions('movie-id').map((schema) => schema as object);
const movie = { movieId: 603, reason: 'manual', page: null, rank: null, requestedAt: new Date(0) } as const;
const plain = movieIdCodec.encode(movie);
const never = new AbortController().signal;

let registry: TestRegistry;
beforeEach(async () => {
  registry = await startSchemaRegistry(70_000);
});
afterEach(() => registry[Symbol.asyncDispose]());

const open = ({ patienceMs = 300, login = true } = {}): WireFormat => {
  const access = { url: registry.url, login: login ? { username: 'me', password: new Secret('canary') } : null };
  const waiting = { patienceMs, clock: systemClock, random: () => 0.1, log: silent };
  return new WireFormat(topics, openRegistry(access, undefined, waiting));
};

const message = (value: Buffer | null, more: Partial<FetchedMessage> = {}): FetchedMessage => ({
  ...{ offset: '0', timestamp: '0', key: null, value, headers: {}, attributes: 0, isControlRecord: false },
  batchContext: { producerId: '-1', inTransaction: false },
  ...more,
});

const withId = (id: number, body = plain.subarray(10)): Buffer => {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(id, 1);
  return Buffer.concat([prefix, body]);
};

const valuesOf = async (wire: WireFormat, ...messages: FetchedMessage[]) =>
  (await wire.fromWire(messages, never))?.map(({ value }) => value);

describe('[R164] a producer with a schema registry', () => {
  it('registers every version of each schema once, and writes the magic byte, the id and the body', async () => {
    const wire = open();
    await wire.register();
    const ids = registry.idsOf('tmdb.movie-ids-value');
    expect(ids).toHaveLength(2);
    expect(registry.requests.map(({ call }) => call)).toHaveLength(10);
    expect(registry.requests[0]?.authorization).toBe(`Basic ${Buffer.from('me:canary').toString('base64')}`);
    const { value, headers } = wire.toWire('tmdb.movie-ids', plain);
    expect(value).toEqual(withId(ids[1] ?? 0));
    expect(headers).toEqual({ [schemaHeader]: plain.toString('hex', 0, 10) });
  });

  it('writes a record of an older version with the id of that version', async () => {
    const wire = open();
    await wire.register();
    const old = Buffer.from('c3010425998c13a3056db6090202060080a0d5edee66', 'hex');
    expect(wire.toWire('tmdb.movie-ids', old).value).toEqual(
      withId(registry.idsOf('tmdb.movie-ids-value')[0] ?? 0, old.subarray(10)),
    );
  });

  it('changes no bytes that none of its schemas wrote, and refuses to write before it has registered', async () => {
    const wire = open();
    expect(() => wire.toWire('tmdb.movie-ids', plain)).toThrow('not registered');
    await wire.register();
    const foreign = Buffer.from('anything at all');
    expect(wire.toWire('tmdb.movie-ids', foreign)).toEqual({ value: foreign, headers: {} });
  });

  it.each([
    [409, { error_code: 409, message: 'canary' }, 'SchemaRefusedError', 'not compatible'],
    [422, { error_code: 42201, message: 'canary' }, 'SchemaRefusedError', 'as invalid (code 42201)'],
    [401, 'canary', 'KafkaRefusedError', 'check SCHEMA_REGISTRY_URL, SCHEMA_REGISTRY_USERNAME'],
    [403, { error_code: 40301 }, 'KafkaRefusedError', 'answered 403 (code 40301)'],
    [503, 'canary', 'KafkaError', 'answered 503. Tried for'],
    [404, '<html>canary', 'KafkaError', 'correct SCHEMA_REGISTRY_URL'],
    [200, { id: 2 ** 33 }, 'KafkaError', 'answered 200'],
  ])('ends at an answer %i with one line and no secret', async (status, body, name, text) => {
    registry.fault = { status, body };
    const error: Error = await open()
      .register()
      .then(
        () => new Error('no error'),
        (reason) => reason,
      );
    expect(error.name).toBe(name);
    expect(error.message).toContain(text);
    expect(error.message).not.toMatch(/canary|\n/);
  });

  it('waits for a registry that is out of reach', async () => {
    registry.fault = 'hang';
    const registered = open({ patienceMs: 30_000 }).register();
    await expect.poll(() => registry.requests.length, { timeout: 20_000 }).toBeGreaterThan(12);
    registry.fault = null;
    await registered;
    expect(registry.idsOf('tmdb.dead-letters-value')).toHaveLength(2);
  });

  it('says that the schema does not fit if the subject has an incompatible one', async () => {
    registry.add('tmdb.raw-movies-value', { type: 'record', name: 'Other', fields: [{ name: 'a', type: 'int' }] });
    await expect(open().register()).rejects.toThrow('refuses the schema of tmdb.raw-movies-value');
  });
});

describe('[R165] a reader', () => {
  it('reads both formats, tombstones and foreign bytes, in their order', async () => {
    const id = registry.add('tmdb.movie-ids-value', newest);
    const foreign = Buffer.from('not a record');
    const read = await valuesOf(
      open(),
      ...[plain, withId(id), null, foreign, withId(id)].map((value) => message(value)),
    );
    expect(read).toEqual([plain, plain, null, foreign, plain]);
  });

  it('reads a record of an older version', async () => {
    const body = Buffer.from('b6090202060080a0d5edee66', 'hex');
    const id = registry.add('tmdb.movie-ids-value', first);
    const [value] = (await valuesOf(open(), message(withId(id, body)))) ?? [];
    expect(movieIdCodec.decode(value ?? Buffer.alloc(0)).page).toBe(3);
  });

  it('asks the registry once for each id', async () => {
    const wire = open();
    const id = registry.add('x', newest);
    for (let index = 0; index < 3; index += 1) await valuesOf(wire, message(withId(id)), message(withId(id)));
    expect(registry.requests.map(({ call }) => call)).toEqual([`GET /schemas/ids/${id}`]);
  });

  it('reads its own records without the registry, also without the setting', async () => {
    const writer = open();
    await writer.register();
    const { value, headers } = writer.toWire('tmdb.movie-ids', plain);
    const before = registry.requests.length;
    for (const wire of [new WireFormat(topics, null), open()]) {
      expect(await valuesOf(wire, message(value, { headers }))).toEqual([plain]);
    }
    expect(registry.requests).toHaveLength(before);
  });

  it.each([
    ['is unknown', () => 7],
    ['names a schema of someone else', () => registry.add('x', { type: 'record', name: 'Other', fields: [] })],
    ['names a schema of another kind', () => registry.add('x', newest, 'JSON')],
    ['is larger than any id of a registry', () => 0xffff_ffff],
    ['names no schema at all', () => registry.add('x', { type: 'nonsense' })],
  ])('leaves a record as it is if its id %s, and the codec says why', async (_, idOf) => {
    const bytes = withId(idOf());
    const [value] = (await valuesOf(open(), message(bytes))) ?? [];
    expect(value).toEqual(bytes);
    expect(() => movieIdCodec.decode(bytes)).toThrow(DecodeError);
    expect(() => movieIdCodec.decode(bytes)).toThrow(/no schema is known for id \d+ of a schema registry/);
  });

  it('[R186] asks once for an id that the registry does not have, for all records of a batch', async () => {
    const wire = open();
    const bytes = withId(70_000);
    expect(await valuesOf(wire, ...Array.from({ length: 50 }, () => message(bytes)))).toEqual(Array(50).fill(bytes));
    expect(registry.requests).toHaveLength(1);
  });

  it('asks again for an id that the registry did not have', async () => {
    const wire = open();
    await valuesOf(wire, message(withId(70_000)));
    registry.add('x', newest);
    expect(await valuesOf(wire, message(withId(70_000)))).toEqual([plain]);
  });

  it('waits for a registry that is out of reach, and parks nothing', async () => {
    const id = registry.add('x', newest);
    registry.fault = { status: 503 };
    const reading = valuesOf(open({ patienceMs: 30_000 }), message(withId(id)));
    await expect.poll(() => registry.requests.length, { timeout: 20_000 }).toBeGreaterThan(2);
    registry.fault = null;
    expect(await reading).toEqual([plain]);
  });

  it('stops waiting when its member closes', async () => {
    registry.fault = 'hang';
    const closed = new AbortController();
    const reading = open({ patienceMs: 30_000 }).fromWire([message(withId(1))], closed.signal);
    await expect.poll(() => registry.requests.length, { timeout: 20_000 }).toBeGreaterThan(0);
    closed.abort();
    expect(await reading).toBeNull();
  });

  it('never looks into a record that is beyond the limits', async () => {
    const unusable = { reason: 'record_limits_exceeded', message: 'x', firstOffset: 0n } as never;
    expect(await valuesOf(open(), message(withId(1), { unusable }))).toEqual([withId(1)]);
    expect(registry.requests).toEqual([]);
  });
});

it('contacts no server and changes no byte without the setting', async () => {
  const wire = new WireFormat(topics, null);
  await wire.register();
  expect(wire.toWire('tmdb.movie-ids', plain)).toEqual({ value: plain, headers: {} });
  expect(await valuesOf(wire, message(plain), message(withId(1)))).toEqual([plain, withId(1)]);
});

it.each([
  [
    { SCHEMA_REGISTRY_USERNAME: 'u' },
    'SCHEMA_REGISTRY_USERNAME: set SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD',
  ],
  [{ SCHEMA_REGISTRY_USERNAME: 'u', SCHEMA_REGISTRY_PASSWORD: 'canary' }, 'needs SCHEMA_REGISTRY_URL'],
  [
    {
      SCHEMA_REGISTRY_URL: 'http://registry.example.com',
      ...{ SCHEMA_REGISTRY_USERNAME: 'u', SCHEMA_REGISTRY_PASSWORD: 'canary' },
    },
    'SCHEMA_REGISTRY_URL: the password would go to registry.example.com unencrypted',
  ],
  [{ SCHEMA_REGISTRY_URL: 'https://u:canary@registry.example.com' }, 'the URL must have no user, password'],
])('refuses the settings %o in one line without a secret', (settings, text) => {
  const load = () => loadConfig(settings);
  expect(load).toThrow(text);
  expect(load).not.toThrow('canary');
});
