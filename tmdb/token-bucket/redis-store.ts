import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createClient } from '@redis/client';
import { z } from 'zod';
import { messageOf, UsageError } from '../../runtime/errors.ts';
import { scrub } from '../../runtime/scrub.ts';
import { Secret, secretsOfUrl } from '../../runtime/secret.ts';
import { TokenBucketRefusedError, TokenBucketUnavailableError } from './errors.ts';
import type { SyncReply, SyncRequest, TokenStore } from './token-store.ts';

export interface RedisTokenStoreOptions {
  /** `redis://` or `rediss://`, with user and password if it needs them. */
  readonly url: Secret;
  /** Asked at each new connection, for a store that has another address and password after a restart. @default neither changes */
  readonly currentUrl?: () => Secret;
  /** Prefix of the keys' names: processes with the same prefix share the bucket. */
  readonly key: string;
  /** A call without an answer for this long has failed. @default 5000 */
  readonly deadlineMs?: number;
  /** For tests: milliseconds in place of the server's own clock. */
  readonly nowMs?: () => number;
}

type Client = ReturnType<typeof connectable>;

const script = readFileSync(join(import.meta.dirname, 'bucket.lua'), 'utf8');
const scriptSha = createHash('sha1').update(script).digest('hex');

/** Errors that no retry changes. */
const refusals = /^(?:WRONGPASS|NOAUTH|NOPERM|ERR AUTH|ERR invalid password|ERR unknown command)/;

/**
 * The bucket in Redis (5 or newer) or Valkey: one script, four keys. The first call connects. After any
 * failure the connection is dropped, and the next call makes a new one. The caller decides when to retry.
 */
export class RedisTokenStore implements TokenStore {
  readonly #options: RedisTokenStoreOptions;
  readonly #url: () => Secret;
  readonly #keys: string[];
  readonly #deadlineMs: number;
  #client: Client | undefined;

  /** @throws UsageError if the URL is invalid. */
  constructor(options: RedisTokenStoreOptions) {
    parse(options.url);
    this.#options = options;
    this.#url = options.currentUrl ?? (() => options.url);
    this.#deadlineMs = options.deadlineMs ?? 5_000;
    // The braces keep all keys on one node of a cluster.
    this.#keys = ['meta', 'tokens', 'line', 'seen'].map((part) => `{${options.key}}:${part}`);
  }

  get name(): string {
    const { hostname, port } = parse(this.#url());
    return `${hostname}:${port || 6379}`;
  }

  async sync(request: SyncRequest): Promise<SyncReply> {
    return toAnswer(await this.#withinDeadline((client) => this.#call(client, request)));
  }

  /** The server's eviction policy; null if this user may not read it. @throws as `sync`. */
  async evictionPolicy(): Promise<string | null> {
    // Not CONFIG GET, which managed servers refuse.
    const info = await this.#withinDeadline(async (client) => {
      if (!client.isOpen) await client.connect();
      return client.info('memory').catch((error: unknown) => {
        if (/^(?:NOPERM|ERR unknown command)/.test(messageOf(error))) return '';
        throw error;
      });
    });
    return /^maxmemory_policy:(\S+)/m.exec(info)?.[1] ?? null;
  }

  async #withinDeadline<T>(call: (client: Client) => Promise<T>): Promise<T> {
    this.#client ??= connectable(this.#url(), this.#deadlineMs);
    const client = this.#client;
    const deadline = Promise.withResolvers<never>();
    const lateAfter = setTimeout(
      () => deadline.reject(new Error(`no answer within ${this.#deadlineMs} ms`)),
      this.#deadlineMs,
    );
    try {
      return await Promise.race([call(client), deadline.promise]);
    } catch (error) {
      this.#drop(client);
      throw this.#toError(reasonOf(error));
    } finally {
      clearTimeout(lateAfter);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#client) this.#drop(this.#client);
  }

  async #call(client: Client, request: SyncRequest): Promise<unknown> {
    if (!client.isOpen) await client.connect();
    const { nowMs } = this.#options;
    const { reports, ...rest } = request;
    const payload = JSON.stringify({ ...rest, ...reports, ...(nowMs && { nowMs: nowMs() }) });
    const call = { keys: this.#keys, arguments: [payload] };
    try {
      return await client.evalSha(scriptSha, call);
    } catch (error) {
      if (!messageOf(error).startsWith('NOSCRIPT')) throw error;
      // The server has not seen the script since its start: the text is sent once, then only its hash.
      return await client.eval(script, call);
    }
  }

  #drop(client: Client): void {
    if (this.#client === client) this.#client = undefined;
    client.destroy();
  }

  #toError(reason: string): Error {
    const message = `the token bucket at ${this.name} cannot be used: ${scrub(reason, everySecretOf(this.#url()))}`;
    return refusals.test(reason) ? new TokenBucketRefusedError(message) : new TokenBucketUnavailableError(message);
  }
}

function connectable(url: Secret, deadlineMs: number) {
  const client = createClient({
    url: url.reveal(),
    // The older protocol suffices, and every proxy supports it.
    RESP: 2,
    name: 'tmdb-stream',
    // A call fails at once without a connection: if it waited for one, its answer would come after the caller has given up.
    disableOfflineQueue: true,
    maintNotifications: 'disabled',
    socket: { connectTimeout: deadlineMs, reconnectStrategy: false },
  });
  // The call in flight fails with the same error; without a listener the process would end.
  client.on('error', () => {});
  return client;
}

function parse(url: Secret): URL {
  try {
    return new URL(url.reveal());
  } catch {
    // Not the original error: it contains the URL, and with it the password.
    throw new UsageError('the URL of the token bucket is invalid: expected one such as redis://127.0.0.1:6379');
  }
}

/** The parts of a URL that no message may contain. */
function everySecretOf(url: Secret): Secret[] {
  const { username } = parse(url);
  return [url, ...secretsOfUrl(url), ...(username === '' ? [] : [new Secret(username)])];
}

/** A name with several addresses fails with one error for each, and without a message of its own. */
const reasonOf = (error: unknown): string =>
  error instanceof AggregateError ? error.errors.map(messageOf).join('; ') : messageOf(error);

/** The answer of the script; durations are in microseconds. */
const Reply = z.object({
  granted: z.int(),
  wait: z.int(),
  now: z.string().transform(Number),
  stamp: z.string().transform(Number),
  capacity: z.int(),
  window: z.int(),
  tokensLeft: z.int(),
  waiting: z.int(),
  paused: z.int(),
  isLost: z.boolean(),
  tooFar: z.int(),
});

function toAnswer(reply: unknown): SyncReply {
  const { wait, now, capacity, window, paused, ...rest } = Reply.parse(JSON.parse(String(reply)));
  return {
    ...rest,
    nowMs: now / 1_000,
    waitMs: wait < 0 ? null : wait / 1_000,
    limit: { capacity, windowMs: window / 1_000 },
    pausedMs: paused / 1_000,
  };
}
