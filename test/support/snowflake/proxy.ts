import { type IncomingHttpHeaders, type IncomingMessage, request as openRequest, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { type HttpServer, serve } from '../tmdb/http-server.ts';

/** A request of a client. */
export interface SnowflakeRequest {
  /** `login`, `renewal`, `logout`, `upload` (into a stage), or else the statement's first word, such as `commit`. */
  readonly kind: string;
  /** The statement; empty if there is none. */
  readonly sql: string;
  /** The name that the client sends: that of our driver begins with `JavaScript`, that of dbt with `PythonConnector`. */
  readonly agent: string;
}

/**
 * - `hang`, `close`: it is executed; the reply is never sent, or the connection closed in its place.
 * - `late reply`, `late request`: the reply is sent, or the request executed, only `lateMs` later.
 * - `held request`: the request is executed only when `release` is called.
 * - `queued`: it is executed; the client is told to fetch the result, which is available `lateMs` later.
 * - `reset`, `503`, `429`, `expired`, `refused`: it is not executed; the connection is reset, Snowflake is out of order or
 *   has too much to do, the session's token (for a renewal: the master token) has expired, or the credentials are wrong.
 */
export type SnowflakeFault =
  | ('hang' | 'close' | 'late reply' | 'late request' | 'held request' | 'queued')
  | ('reset' | '503' | '429' | 'expired' | 'refused');

/** A fault that was injected into a request. */
export interface Injection extends SnowflakeRequest {
  readonly fault: SnowflakeFault;
  /** Whether Snowflake has executed the request, as far as is known by now. */
  tookEffect: boolean;
}

interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/**
 * A proxy on loopback between clients and Snowflake that parses their requests. It decides about a fault for each request. It
 * counts the injections, because a fault that was never injected shows nothing.
 */
export class SnowflakeProxy implements AsyncDisposable {
  /** Returns the fault for a request. @default none */
  judge: (request: SnowflakeRequest) => SnowflakeFault | undefined = () => undefined;
  readonly injections: Injection[] = [];
  readonly #target: string;
  readonly #lateMs: number;
  readonly #server: HttpServer;
  readonly #onItsWay = new Set<Promise<unknown>>();
  readonly #held = Promise.withResolvers<void>();
  /** Replies that clients were told to fetch. */
  readonly #queued = new Map<string, Promise<Reply>>();

  private constructor(target: string, lateMs: number, server: HttpServer) {
    this.#target = target;
    this.#lateMs = lateMs;
    this.#server = server;
  }

  /** @param target the address of Snowflake. */
  static async start(target: string, { lateMs }: { readonly lateMs: number }): Promise<SnowflakeProxy> {
    const server = await serve((request, response) => void proxy.#answer(request, response));
    const proxy = new SnowflakeProxy(target, lateMs, server);
    return proxy;
  }

  /** For the driver's `accessUrl`. */
  get url(): string {
    return `http://127.0.0.1:${this.#server.port}`;
  }

  /** Counts of injections by kind, such as `commit close, took effect`. */
  counts(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { kind, fault, tookEffect } of this.injections) {
      const name = `${kind} ${fault}${tookEffect ? ', took effect' : ''}`;
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  }

  /** Sends held requests to Snowflake. */
  release(): void {
    this.#held.resolve();
  }

  /** Resolves when no request is on its way to Snowflake. */
  async quiet(): Promise<void> {
    while (this.#onItsWay.size > 0) await Promise.allSettled(this.#onItsWay);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const queued = this.#queued.get(pathOf(request));
    if (queued !== undefined) {
      send(response, await queued);
      return;
    }
    const asked = { request, response, body };
    const wanted = wantedBy(request, body);
    const fault = this.judge(wanted);
    try {
      if (fault === undefined) send(response, await this.#forward(asked));
      else await this.#inject(fault, wanted, asked);
    } catch {
      // The server or the client has disconnected.
      response.socket?.resetAndDestroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
    await this.quiet();
    await this.#server[Symbol.asyncDispose]();
  }

  async #inject(fault: SnowflakeFault, wanted: SnowflakeRequest, asked: Asked): Promise<void> {
    const { response } = asked;
    const injection: Injection = { ...wanted, fault, tookEffect: false };
    this.injections.push(injection);
    const executed = async () => {
      const reply = await this.#forward(asked);
      injection.tookEffect = isSuccess(reply);
      return reply;
    };
    switch (fault) {
      case 'hang':
        await executed();
        break;
      case 'close':
        await executed();
        response.destroy();
        break;
      case 'late reply':
        send(response, await later(this.#lateMs, await executed()));
        break;
      case 'late request':
        send(response, await this.#track(delay(this.#lateMs).then(executed)));
        break;
      case 'held request':
        send(response, await this.#track(this.#held.promise.then(executed)));
        break;
      case 'queued':
        send(response, this.#queue(executed()));
        break;
      case 'reset':
        response.socket?.resetAndDestroy();
        break;
      case 'expired':
        send(response, wanted.kind === 'renewal' ? masterExpired : sessionExpired);
        break;
      default:
        send(response, refusals[fault]);
    }
  }

  #queue(result: Promise<Reply>): Reply {
    const path = `/queries/queued-${this.#queued.size}/result`;
    const due = this.#track(result.then((reply) => later(this.#lateMs, reply)));
    this.#queued.set(path, due);
    return json(200, { success: true, code: '333334', data: { queryId: path.split('/')[2], getResultUrl: path } });
  }

  #forward({ request, body }: Asked): Promise<Reply> {
    const { method, headers, url } = request;
    return this.#track(
      new Promise<Reply>((resolve, reject) => {
        const onward = openRequest(this.#target + url, { method, headers, agent: false }, (response) => {
          const { statusCode = 0, headers: answered } = response;
          buffer(response).then((text) => resolve({ status: statusCode, headers: answered, body: text }), reject);
        });
        onward.on('error', reject);
        onward.end(body);
      }),
    );
  }

  #track<T>(work: Promise<T>): Promise<T> {
    this.#onItsWay.add(work);
    const over = () => this.#onItsWay.delete(work);
    work.then(over, over);
    return work;
  }
}

interface Asked {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: Buffer;
}

const later = <T>(ms: number, value: T): Promise<T> => delay(ms, value);

const pathOf = ({ url = '' }: IncomingMessage): string => url.split('?')[0] ?? '';

function wantedBy(request: IncomingMessage, body: Buffer): SnowflakeRequest {
  const path = pathOf(request);
  const agent = request.headers['user-agent'] ?? '';
  const known = kindsByPath[path];
  if (known) return { kind: known, sql: '', agent };
  if (path !== statements) return { kind: request.method === 'PUT' ? 'upload' : 'other', sql: '', agent };
  const text = body[0] === 0x1f ? gunzipSync(body) : body;
  const sql = String(JSON.parse(text.toString()).sqlText).trim();
  return { kind: /^\w+/.exec(sql)?.[0].toLowerCase() ?? '', sql, agent };
}

const statements = '/queries/v1/query-request';
const kindsByPath: Readonly<Record<string, string>> = {
  '/session/v1/login-request': 'login',
  '/session/token-request': 'renewal',
  '/session': 'logout',
};

/** The response to an upload has only a status. */
function isSuccess({ status, body }: Reply): boolean {
  if (status !== 200) return false;
  return body.length === 0 || JSON.parse(body.toString()).success === true;
}

function json(status: number, answer: unknown): Reply {
  return { status, headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(answer)) };
}

const sessionExpired = json(200, { success: false, code: '390112', message: 'Your session has expired.' });
const masterExpired = json(200, { success: false, code: '390114', message: 'Authentication token has expired.' });

const refusals: Record<'503' | '429' | 'refused', Reply> = {
  '503': { status: 503, headers: {}, body: Buffer.from('Service Unavailable') },
  '429': { status: 429, headers: {}, body: Buffer.from('Too Many Requests') },
  refused: json(200, { success: false, code: '390100', message: 'Incorrect username or password was specified.' }),
};

function send(response: ServerResponse, { status, headers, body }: Reply): void {
  const { 'transfer-encoding': _chunked, connection: _ofTheOther, ...kept } = headers;
  response.writeHead(status, { ...kept, 'content-length': body.length });
  response.end(body);
}
