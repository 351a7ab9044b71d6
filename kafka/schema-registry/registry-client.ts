import { z } from 'zod';
import { type ProxySettings, proxyFor } from '../../runtime/proxy.ts';
import type { Secret } from '../../runtime/secret.ts';
import { RegistryLoginError, SchemaRefusedError, TransientError } from '../errors.ts';
import { jsonOf, send, unanswered } from '../http-request.ts';

/** Where the registry is, and how clients log in. */
export interface SchemaRegistryAccess {
  /** Without a trailing slash. */
  readonly url: string;
  readonly login: { readonly username: string; readonly password: Secret } | null;
}

const mediaType = 'application/vnd.schemaregistry.v1+json';

const idShape = z.object({ id: z.int().min(0).max(0xffff_ffff) });
/** `schemaType` is absent for Avro. */
const schemaShape = z.object({ schema: z.string(), schemaType: z.string().optional() });
const problemShape = z.object({ error_code: z.int() });

/** The registry says that it has no such schema, or that the id is no id. An answer without a number is that of another server. */
const unknownId = [400, 404, 422];

/** The two calls of a registry's API that we need. Every call sends one request. */
export class RegistryClient {
  readonly #access: SchemaRegistryAccess;
  readonly #proxy: Secret | undefined;

  constructor(access: SchemaRegistryAccess, proxies: ProxySettings | undefined) {
    this.#access = access;
    this.#proxy = proxies && proxyFor(access.url, proxies);
  }

  /**
   * Registers a schema, which changes nothing if the subject has it. @returns its id.
   * @throws SchemaRefusedError if the registry does not accept it, RegistryLoginError if it refuses us, else TransientError.
   */
  async register(subject: string, schema: string): Promise<number> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions`;
    const { status, text } = await this.#send('POST', path, JSON.stringify({ schema }));
    const { data } = idShape.safeParse(jsonOf(text));
    if (status === 200 && data) return data.id;
    if (status === 409)
      throw new SchemaRefusedError(
        `the schema registry ${this.#host} refuses the schema of ${subject}, because it is not compatible with one that is ` +
          'registered there: set the compatibility of the subject to BACKWARD, or delete a schema that is not ours',
      );
    if (status === 422)
      throw new SchemaRefusedError(
        `the schema registry ${this.#host} refuses the schema of ${subject} as invalid${codeOf(text)}`,
      );
    throw this.#failure(status, text);
  }

  /** @returns the Avro schema in JSON; null if the registry does not have the id, or if it is no Avro schema. @throws as `register`. */
  async schema(id: number): Promise<string | null> {
    const { status, text } = await this.#send('GET', `/schemas/ids/${id}`);
    const body = jsonOf(text);
    if (unknownId.includes(status) && problemShape.safeParse(body).success) return null;
    const { data } = schemaShape.safeParse(body);
    if (status !== 200 || !data) throw this.#failure(status, text);
    return (data.schemaType ?? 'AVRO') === 'AVRO' ? data.schema : null;
  }

  get #host(): string {
    return new URL(this.#access.url).host;
  }

  async #send(method: 'GET' | 'POST', path: string, body?: string) {
    const { url, login } = this.#access;
    const credentials = login && Buffer.from(`${login.username}:${login.password.reveal()}`).toString('base64');
    const headers = {
      accept: mediaType,
      ...(body !== undefined && { 'content-type': mediaType }),
      ...(credentials !== null && { authorization: `Basic ${credentials}` }),
    };
    const request = { method, headers, proxy: this.#proxy, ...(body !== undefined && { body }) };
    return await send(url + path, request).catch((error) => {
      throw unanswered(`no answer from the schema registry ${this.#host}`, this.#proxy, error, RegistryLoginError);
    });
  }

  #failure(status: number, text: string): Error {
    const message = `the schema registry ${this.#host} answered ${status}${codeOf(text)}`;
    return status === 401 || status === 403 ? new RegistryLoginError(message) : new TransientError(message);
  }
}

/** The registry's number for the problem: the text beside it is free. */
function codeOf(text: string): string {
  const { data } = problemShape.safeParse(jsonOf(text));
  return data ? ` (code ${data.error_code})` : '';
}
