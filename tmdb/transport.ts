import { Agent, fetch, ProxyAgent } from 'undici';
import { messageOf } from '../runtime/errors.ts';
import { shownProxy } from '../runtime/proxy.ts';
import { repeats, scrub } from '../runtime/scrub.ts';
import type { Secret } from '../runtime/secret.ts';
import { identityHint, isIdentityError } from '../runtime/tls-identity.ts';
import { UntrustedServerError, UnusableAnswerError } from './errors.ts';
import { unpackUndeclared } from './unpack.ts';

/** An unchanged answer, whatever its status. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly retryAfter: string | undefined;
  /** Decompressed, whether the server declared a compression or not. */
  readonly body: Buffer;
  /** Whether the body contains our credentials: then it must not be stored. */
  readonly repeatsSecrets?: boolean;
}

/** Sends one request, once. */
export interface Transport extends AsyncDisposable {
  /**
   * @param path below the base URL, such as `/movie/550?language=en`.
   * @param onAnswered called with the first byte of the answer: by then the server has counted the request.
   * A request in flight is never cancelled: during a drain, it ends with its answer or at its deadline.
   * @throws UnusableAnswerError: retriable if the network failed or the deadline passed, final if the decoded body
   * is too large, with any compression. UntrustedServerError if the server cannot authenticate itself; nothing was sent to it.
   */
  get(path: string, onAnswered: () => void): Promise<Answer>;
}

export interface TransportOptions {
  readonly baseUrl: string;
  readonly token: Secret | undefined;
  readonly apiKey: Secret | undefined;
  /** For the whole exchange, from the first byte sent to the last byte read. */
  readonly timeoutMs: number;
  /** Of the decoded body. */
  readonly maxBodyBytes: number;
  readonly connections: number;
  /** The URL of an HTTP proxy. For https it sees the server's name but no request. @default none */
  readonly proxy?: Secret | undefined;
}

/**
 * HTTP with undici. Redirects are not followed, so credentials go only to `baseUrl`. The v4 token is sent in a
 * Bearer header. A v3 key works only in the query, so it is added here; no other code knows the URL with the key.
 */
export function openTransport(options: TransportOptions): Transport {
  const connecting = { connections: options.connections, pipelining: 1 };
  const { proxy } = options;
  const dispatcher = proxy ? new ProxyAgent({ ...connecting, uri: proxy.reveal() }) : new Agent(connecting);
  const headers = {
    accept: 'application/json',
    // gzip can be recognized even if a server forgets to declare it.
    'accept-encoding': 'gzip',
    ...(options.token && { authorization: `Bearer ${options.token.reveal()}` }),
  };

  const secrets = [options.token, options.apiKey].filter((secret) => secret !== undefined);

  const get = async (path: string, onAnswered: () => void): Promise<Answer> => {
    const deadline = AbortSignal.timeout(options.timeoutMs);
    try {
      const response = await fetch(withKey(options.baseUrl + path, options), {
        dispatcher,
        headers,
        redirect: 'manual',
        signal: deadline,
      });
      onAnswered();
      const packed = await readCapped(response.body ?? [], options.maxBodyBytes);
      const body = await unpackUndeclared(packed, options.maxBodyBytes);
      return {
        status: response.status,
        contentType: scrub(response.headers.get('content-type') ?? '', secrets),
        retryAfter: response.headers.get('retry-after') ?? undefined,
        body,
        repeatsSecrets: repeats(body, secrets),
      };
    } catch (error) {
      if (error instanceof UnusableAnswerError) throw error;
      const untrusted = untrustedServer(options.baseUrl, error);
      if (untrusted) throw untrusted;
      const failure = describe(error, path, deadline, options.timeoutMs) + (proxy ? viaProxy(proxy, error) : '');
      throw new UnusableAnswerError('attempts_exhausted', failure, true);
    }
  };
  return { get, [Symbol.asyncDispose]: () => dispatcher.destroy() };
}

function withKey(url: string, { token, apiKey }: TransportOptions): string {
  if (token || !apiKey) return url;
  return `${url}${url.includes('?') ? '&' : '?'}api_key=${encodeURIComponent(apiKey.reveal())}`;
}

/** Counts what comes out of the decompression, so that a small answer cannot unpack into a large one. */
async function readCapped(body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxBytes) {
      throw new UnusableAnswerError('body_too_large', `the body is larger than ${maxBytes} bytes`, false);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

/** Never the cause itself: it could contain the URL, and with it a key. */
function describe(error: unknown, path: string, deadline: AbortSignal, timeoutMs: number): string {
  if (deadline.aborted) return `no complete answer within ${timeoutMs} ms for ${path}`;
  return describeFailure(error, path);
}

/** Why a request got no complete answer, without the cause's own text. */
export const describeFailure = (error: unknown, path: string): string =>
  `the connection failed (${codeOf(error)}) for ${path}`;

/** undici reports a proxy's answer to CONNECT only in its message. */
function viaProxy(proxy: Secret, error: unknown): string {
  const status = /Proxy response \((\d{3})\)/.exec(causesOf(error).map(messageOf).join(' '))?.[1];
  const answered = status === undefined ? '' : `, which answered ${status}`;
  const remedy = status === '407' ? ': check user and password in HTTPS_PROXY' : '';
  return ` through the proxy ${shownProxy(proxy)}${answered}${remedy}`;
}

/** The error code of the first cause: undici's wrapper has no code, or 0. */
const codeOf = (error: unknown): string =>
  causesOf(error)
    .map((cause) => (cause as NodeJS.ErrnoException).code)
    .findLast((code) => typeof code === 'string') ?? 'unknown';

const causesOf = (error: unknown): unknown[] => (error instanceof Error ? [error, ...causesOf(error.cause)] : []);

/** The error of a server that cannot identify itself; null for any other failure. */
export function untrustedServer(baseUrl: string, error: unknown): UntrustedServerError | null {
  const code = codeOf(error);
  if (!isIdentityError(code)) return null;
  const { origin } = new URL(baseUrl);
  return new UntrustedServerError(
    `could not verify the identity of the server at ${origin} (${code}); nothing was sent: ${identityHint}`,
  );
}
