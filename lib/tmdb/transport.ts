import { Agent, interceptors } from 'undici';
import type { Secret } from '../secret.ts';
import { UnusableAnswerError } from './errors.ts';

/** An answer as it came, whatever its status. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly retryAfter: string | undefined;
  readonly location: string | undefined;
  readonly body: Buffer;
}

/** Sends one request, once. */
export interface Transport extends AsyncDisposable {
  /**
   * @param path below the base URL, such as `/movie/550?language=en`.
   * @param onAnswered called when the first byte of the answer is there: the server has counted the request.
   * @throws UnusableAnswerError (retriable when the network failed or the deadline passed, final when the decoded body is too large),
   * or the signal's reason when it aborted.
   */
  get(path: string, onAnswered: () => void, signal: AbortSignal): Promise<Answer>;
}

export interface TransportOptions {
  readonly baseUrl: string;
  readonly token: Secret | undefined;
  readonly apiKey: Secret | undefined;
  /** For the whole exchange, from the first byte sent to the last one read. */
  readonly timeoutMs: number;
  /** Of the decoded body. */
  readonly maxBodyBytes: number;
  readonly connections: number;
}

/**
 * HTTP over undici. Redirects are not followed, so credentials only ever go to `baseUrl`. The v4 token travels as a
 * Bearer header; a v3 key works in the query alone, so it is added here and nowhere else knows the URL that holds it.
 */
export function openTransport(options: TransportOptions): Transport {
  const agent = new Agent({ connections: options.connections, pipelining: 1 });
  const dispatcher = agent.compose(interceptors.decompress());
  const headers = {
    accept: 'application/json',
    'accept-encoding': 'gzip',
    ...(options.token && { authorization: `Bearer ${options.token.reveal()}` }),
  };
  const base = new URL(options.baseUrl);

  const get = async (path: string, onAnswered: () => void, signal: AbortSignal): Promise<Answer> => {
    const deadline = AbortSignal.timeout(options.timeoutMs);
    try {
      const response = await dispatcher.request({
        origin: base.origin,
        path: withKey(base.pathname + path, options),
        method: 'GET',
        headers,
        signal: AbortSignal.any([signal, deadline]),
      });
      onAnswered();
      const header = (name: string) => [response.headers[name] ?? []].flat()[0];
      return {
        status: response.statusCode,
        contentType: header('content-type') ?? '',
        retryAfter: header('retry-after'),
        location: header('location'),
        body: await readCapped(response.body, options.maxBodyBytes),
      };
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof UnusableAnswerError) throw error;
      throw new UnusableAnswerError('attempts_exhausted', describe(error, path, deadline, options.timeoutMs), true);
    }
  };
  return { get, [Symbol.asyncDispose]: () => agent.destroy() };
}

function withKey(path: string, { token, apiKey }: TransportOptions): string {
  if (token || !apiKey) return path;
  return `${path}${path.includes('?') ? '&' : '?'}api_key=${encodeURIComponent(apiKey.reveal())}`;
}

/** Counts what comes out of the decompression, so that a small answer cannot unpack into a large one. */
async function readCapped(body: AsyncIterable<Buffer>, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
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

/** Never the cause itself: it could hold the URL and with it a key. */
function describe(error: unknown, path: string, deadline: AbortSignal, timeoutMs: number): string {
  if (deadline.aborted) return `no whole answer within ${timeoutMs} ms for ${path}`;
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? 'unknown';
  return `the connection failed (${code}) for ${path}`;
}
