import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import avsc from 'avsc';

/** What the registry answers next instead of its own answer; `hang` closes the connection. */
type RegistryFault = { readonly status: number; readonly body?: unknown } | 'hang';

/** A schema registry with the calls of Confluent's API that our program and its stock clients make, and the compatibility BACKWARD. */
export interface TestRegistry extends AsyncDisposable {
  readonly url: string;
  /** Method, path and credentials of each request. */
  readonly requests: { readonly call: string; readonly authorization: string | undefined }[];
  /** Answers every request like this, until it is null. */
  fault: RegistryFault | null;
  /** Registers without any check. @returns the id. */
  add(subject: string, schema: object, schemaType?: string): number;
  /** Forgets an id, as a registry does whose topic was deleted. */
  forget(id: number): void;
  /** The ids of a subject, oldest first. */
  idsOf(subject: string): readonly number[];
}

interface Stored {
  readonly schema: string;
  readonly schemaType: string;
}

/** A loopback server. Ids begin with `firstId`. */
export async function startSchemaRegistry(firstId = 1): Promise<TestRegistry> {
  const schemas = new Map<number, Stored>();
  const subjects = new Map<string, number[]>();
  const requests: TestRegistry['requests'] = [];
  let nextId = firstId;
  const add = (subject: string, schema: object, schemaType = 'AVRO'): number => {
    const stored = { schema: JSON.stringify(schema), schemaType };
    const known = [...schemas].find(([, other]) => other.schema === stored.schema)?.[0];
    const id = known ?? nextId++;
    schemas.set(id, stored);
    const ids = subjects.get(subject) ?? [];
    if (!ids.includes(id)) subjects.set(subject, [...ids, id]);
    return id;
  };
  const textOf = (id: number | undefined) => (id === undefined ? undefined : schemas.get(id)?.schema);
  const register = (subject: string, schema: string): Answer => {
    const ids = subjects.get(subject) ?? [];
    const known = ids.find((id) => textOf(id) === schema);
    if (known !== undefined) return { status: 200, body: { id: known } };
    const last = textOf(ids.at(-1));
    if (last !== undefined && !canRead(schema, last)) return { status: 409, body: { error_code: 409, message: last } };
    return { status: 200, body: { id: add(subject, JSON.parse(schema)) } };
  };
  const answer = async (request: IncomingMessage): Promise<Answer> => {
    const [, first = '', second = ''] = (request.url ?? '').split('?')[0]?.split('/') ?? [];
    if (request.method === 'POST' && first === 'subjects') {
      return register(decodeURIComponent(second), JSON.parse(await text(request)).schema);
    }
    const id = Number(request.url?.split('/').at(-1));
    // As for any address that is no call of the API.
    if (id > 0x7fff_ffff) return { status: 404, body: {} };
    const stored = schemas.get(id);
    if (!stored) return { status: 404, body: { error_code: 40403, message: 'Schema not found' } };
    const { schema, schemaType } = stored;
    return { status: 200, body: { schema, ...(schemaType !== 'AVRO' && { schemaType }) } };
  };
  const registry = { requests, fault: null as RegistryFault | null };
  const server = createServer(async (request, response) => {
    requests.push({ call: `${request.method} ${request.url}`, authorization: request.headers.authorization });
    if (registry.fault === 'hang') request.socket.destroy();
    else send(response, registry.fault ?? (await answer(request)));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return Object.assign(registry, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    add,
    forget: (id: number) => void schemas.delete(id),
    idsOf: (subject: string) => subjects.get(subject) ?? [],
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  });
}

interface Answer {
  readonly status: number;
  readonly body?: unknown;
}

const send = (response: ServerResponse, { status, body = '' }: Answer): unknown =>
  response
    .writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' })
    .end(typeof body === 'string' ? body : JSON.stringify(body));

/** Whether `schema` reads what `writer` wrote: the rule BACKWARD. */
function canRead(schema: string, writer: string): boolean {
  const parse = (json: string) => avsc.Type.forSchema(JSON.parse(json));
  try {
    parse(schema).createResolver(parse(writer));
    return true;
  } catch {
    return false;
  }
}
