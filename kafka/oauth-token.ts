import { z } from 'zod';
import { type Clock, systemClock } from '../runtime/clock.ts';
import { type ProxySettings, proxyFor } from '../runtime/proxy.ts';
import type { Secret } from '../runtime/secret.ts';
import type { OAuthLogin } from './access.ts';
import { OAuthRefusedError, TransientError } from './errors.ts';
import { jsonOf, send, unanswered } from './http-request.ts';

/** A token that ends within this time (ms) is replaced; one that lives for a shorter time, at half of it. */
const marginMs = 30_000;
/** How long (ms) a token is used if the answer does not say how long it lives. */
const unknownLifeMs = 60_000;

/** RFC 6749, 5.1. Some servers write the number as a text. */
const answerShape = z.object({
  access_token: z.string().min(1),
  expires_in: z.coerce.number().positive().optional(),
});

interface Token {
  readonly value: string;
  /** By the monotonic clock, and by the wall clock, because the monotonic one stands still while a machine sleeps (ms). */
  readonly staleAt: number;
  readonly staleAtTime: number;
}

/**
 * Gets the tokens for OAUTHBEARER by OAuth's client credentials (RFC 6749, 4.4), and uses each one until shortly before its end.
 * @returns a function that kafkajs calls at each login. It throws OAuthRefusedError if no retry helps, else TransientError.
 */
export function createTokenProvider(
  login: OAuthLogin,
  { proxy: proxies, clock = systemClock }: { readonly proxy?: ProxySettings | undefined; readonly clock?: Clock } = {},
): () => Promise<{ value: string }> {
  const proxy = proxies && proxyFor(login.tokenUrl, proxies);
  let token: Token | null = null;
  let asking: Promise<Token> | null = null;
  return async () => {
    if (token === null || clock.monotonic() >= token.staleAt || clock.now() >= token.staleAtTime) {
      // Several connections log in at the same time.
      asking ??= ask(login, proxy, clock).finally(() => {
        asking = null;
      });
      token = await asking;
    }
    return { value: token.value };
  };
}

async function ask(login: OAuthLogin, proxy: Secret | undefined, clock: Clock): Promise<Token> {
  const [askedAt, askedAtTime] = [clock.monotonic(), clock.now()];
  const { host } = new URL(login.tokenUrl);
  const { status, text } = await request(login, proxy).catch((error) => {
    throw unanswered(`no token from ${host}`, proxy, error, OAuthRefusedError);
  });
  if (status === 400 || status === 401 || status === 403) {
    throw new OAuthRefusedError(`${host} answered ${status}${reasonOf(text)} to the request for a token`);
  }
  if (status !== 200) throw new TransientError(`${host} answered ${status} to the request for a token`);
  const answer = answerShape.safeParse(jsonOf(text));
  if (!answer.success) throw new OAuthRefusedError(`${host} answered 200 without an access token`);
  const { access_token: value, expires_in: seconds } = answer.data;
  const lifeMs = seconds === undefined ? unknownLifeMs : seconds * 1_000;
  const useMs = Math.max(lifeMs - marginMs, lifeMs / 2);
  return { value, staleAt: askedAt + useMs, staleAtTime: askedAtTime + useMs };
}

function request({ tokenUrl, clientId, clientSecret, scope }: OAuthLogin, proxy: Secret | undefined) {
  const credentials = [clientId, clientSecret.reveal()].map((part) => encodeURIComponent(part)).join(':');
  const form = new URLSearchParams({ grant_type: 'client_credentials', ...(scope !== undefined && { scope }) });
  return send(tokenUrl, {
    method: 'POST',
    proxy,
    headers: {
      authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
      accept: 'application/json',
    },
    body: form.toString(),
  });
}

/** The code of an error by RFC 6749, 5.2: the description next to it is free text. */
function reasonOf(text: string): string {
  const { data } = z.object({ error: z.string().regex(/^[a-z_]{1,50}$/) }).safeParse(jsonOf(text));
  return data ? ` (${data.error})` : '';
}
