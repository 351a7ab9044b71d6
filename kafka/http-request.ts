import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { messageOf } from '../runtime/errors.ts';
import { orNull } from '../runtime/or-null.ts';
import { shownProxy } from '../runtime/proxy.ts';
import type { Secret } from '../runtime/secret.ts';
import { identityHint, isIdentityError } from '../runtime/tls-identity.ts';
import { TransientError } from './errors.ts';

const timeoutMs = 10_000;
const maxBytes = 1_000_000;

interface Request {
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The proxy to use. @default directly */
  readonly proxy: Secret | undefined;
}

/** Sends one request. Redirects are not followed: they could lead a secret elsewhere. @throws Error without an answer in time. */
export async function send(url: string, { method, headers, body, proxy }: Request) {
  const isHttps = new URL(url).protocol === 'https:';
  const { request, Agent } = isHttps ? https : http;
  // Chosen here by our settings: without this, Node would read the environment.
  const proxyEnv = proxy ? { [isHttps ? 'HTTPS_PROXY' : 'HTTP_PROXY']: proxy.reveal() } : {};
  const signal = AbortSignal.timeout(timeoutMs);
  const sent = request(url, { method, agent: new Agent({ proxyEnv }), signal, headers });
  // An error after the first bytes of the answer ends the answer as well, and is thrown there.
  sent.on('error', () => {});
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, text: await textOf(response) };
}

/** The error of a request without an answer. @param what is absent, and from which host. @param Refused if no retry helps. */
export function unanswered(
  what: string,
  proxy: Secret | undefined,
  error: unknown,
  Refused: new (message: string) => Error,
): Error {
  const through = proxy ? ` through the proxy ${shownProxy(proxy)}` : '';
  const message = `${what}${through}: ${messageOf(error)}`;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return isIdentityError(code) ? new Refused(`${message}; ${identityHint}`) : new TransientError(message);
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new Error(`the answer has more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** @returns null if it is not JSON. */
export const jsonOf = (text: string): unknown => orNull(() => JSON.parse(text));
