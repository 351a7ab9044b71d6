import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import avsc, { type Schema, type Type } from 'avsc';
import { orNull } from '../runtime/or-null.ts';
import { type Codec, DecodeError, type SchemaVersion } from './codec.ts';
import { crc64Avro } from './fingerprint.ts';
import { avroOptions } from './logical-types.ts';

const marker = Buffer.from([0xc3, 0x01]);
/** The length of the marker and the fingerprint, which precede every body. */
export const headerBytes = marker.length + 8;
const folder = join(import.meta.dirname, 'avro');

/** A schema version that may have written a record. */
interface Version extends SchemaVersion {
  readonly type: Type;
  /** Converts a value of this version into the newest version's shape; absent for the newest version. */
  readonly resolver: ReturnType<Type['createResolver']> | undefined;
}

/** The versions of `name` in `avro/NAME.vN.avsc`, oldest first. */
export const schemaVersions = (name: string): Schema[] =>
  readdirSync(folder)
    .map((file) => ({ file, version: Number(new RegExp(`^${name}\\.v(\\d+)\\.avsc$`).exec(file)?.[1]) }))
    .filter(({ version }) => version > 0)
    .sort((a, b) => a.version - b.version)
    .map(({ file }) => JSON.parse(readFileSync(join(folder, file), 'utf8')));

/**
 * A codec in Avro's single-object encoding: marker `C3 01`, the schema's CRC-64-AVRO fingerprint in little endian,
 * the body. It writes the newest of `schemas` (oldest first) and reads all of them. `bytes` fields are views: a
 * decoded value keeps its input alive.
 */
export function avroCodec<T>(schemas: readonly Schema[]): Codec<T> {
  const versions = versionsOf(schemas);
  const newest = versions.at(-1);
  if (!newest) throw new Error('a codec needs a schema');
  return {
    versions: versions.map(({ text, header }) => ({ text, header })),
    encode: (value) => Buffer.concat([newest.header, newest.type.toBuffer(value)]),
    decode: (bytes) => decode(writerOf(versions, bytes), newest.type, bytes) as T,
  };
}

function versionsOf(schemas: readonly Schema[]): Version[] {
  const types = schemas.map((schema) => avsc.Type.forSchema(schema, avroOptions()));
  const newest = types.at(-1);
  return types.map((type, index) => {
    const resolver = newest && type !== newest ? newest.createResolver(type) : undefined;
    return { text: JSON.stringify(schemas[index]), type, header: headerOf(type), resolver };
  });
}

function headerOf(type: Type): Buffer {
  const header = Buffer.concat([marker, Buffer.alloc(8)]);
  // avsc's plain `schema()` is the Parsing Canonical Form: no docs, no logical types, full names.
  header.writeBigUInt64LE(crc64Avro(JSON.stringify(type.schema())), marker.length);
  return header;
}

/** What precedes a body that a schema wrote. @param text the schema in JSON. @returns null if it is not an Avro schema. */
export const headerOfSchema = (text: string): Buffer | null =>
  orNull(() => headerOf(avsc.Type.forSchema(JSON.parse(text), avroOptions())));

function writerOf(versions: readonly Version[], bytes: Buffer): Version {
  if (bytes.length < headerBytes) throw new DecodeError(`${bytes.length} bytes are too few for a record`);
  // Newest first: it has written nearly every record.
  const writer = versions.findLast(({ header }) => bytes.compare(header, 0, headerBytes, 0, headerBytes) === 0);
  if (writer) return writer;
  if (bytes[0] === 0) {
    throw new DecodeError(
      `no schema is known for id ${bytes.readUInt32BE(1)} of a schema registry: see docs/services.md`,
    );
  }
  if (bytes.compare(marker, 0, marker.length, 0, marker.length) !== 0) {
    throw new DecodeError(`a record starts with c301, not with ${bytes.toString('hex', 0, marker.length)}`);
  }
  const fingerprint = bytes.readBigUInt64LE(marker.length).toString(16).padStart(16, '0');
  throw new DecodeError(`no schema with fingerprint ${fingerprint} is known: was it written by a newer version?`);
}

function decode({ type, resolver }: Version, newest: Type, bytes: Buffer): unknown {
  const { value, offset } = tryDecode(resolver ? newest : type, resolver, bytes);
  if (offset < 0) throw new DecodeError(`the record ends early, after ${bytes.length} bytes`);
  if (offset !== bytes.length) throw new DecodeError(`${bytes.length - offset} bytes follow the record`);
  return value;
}

function tryDecode(type: Type, resolver: Version['resolver'], bytes: Buffer): { value: unknown; offset: number } {
  try {
    return type.decode(bytes, headerBytes, resolver);
  } catch (error) {
    throw new DecodeError('the bytes do not match the schema that they name', { cause: error });
  }
}
