import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { constants, gzipSync } from 'node:zlib';
import type { Answer } from './answers.ts';
import type { TransferEffect } from './faulty-answer.ts';

/** Bodies below this number of bytes are sent unchanged: gzip would save nothing. */
const gzipFrom = 200;

/** Sends an answer, or what a fault of the transfer makes of it. Resolves when everything has been handed to the socket. */
export async function send(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  transfer: TransferEffect | null,
  signal: AbortSignal,
): Promise<void> {
  switch (transfer?.kind) {
    case undefined:
      return sendWhole(response, encoded(request, answer));
    case 'drop':
      response.destroy();
      return;
    case 'truncate':
      return sendHalf(response, encoded(request, answer));
    case 'slow':
      return sendSlowly(response, answer, transfer.bytesPerSecond, signal);
    case 'undeclared-gzip':
      return sendWhole(response, { ...answer, body: gzipSync(answer.body, { level: constants.Z_BEST_SPEED }) });
    case 'bomb':
      return sendBomb(response, transfer.bytes);
  }
}

/** What the client will see: a status, or a closed connection. */
export function statusOf(answer: Answer, transfer: TransferEffect | null): number | 'dropped' {
  if (transfer?.kind === 'drop') return 'dropped';
  return transfer?.kind === 'bomb' ? 200 : answer.status;
}

/** Gzip for clients that request it, like TMDb; fast rather than small. */
function encoded(request: IncomingMessage, answer: Answer): Answer {
  const accepts = String(request.headers['accept-encoding'] ?? '');
  if (answer.body.length < gzipFrom || !/\bgzip\b/.test(accepts)) return answer;
  const body = gzipSync(answer.body, { level: constants.Z_BEST_SPEED });
  return { ...answer, headers: { ...answer.headers, 'content-encoding': 'gzip' }, body };
}

function writeHead(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, { ...headers, 'content-length': body.length });
}

function sendWhole(response: ServerResponse, answer: Answer): void {
  writeHead(response, answer);
  response.end(answer.body);
}

function sendHalf(response: ServerResponse, answer: Answer): void {
  writeHead(response, answer);
  // The socket closes normally, so that everything that was sent arrives: only the body ends too early.
  response.write(answer.body.subarray(0, answer.body.length >> 1), () => response.socket?.end());
}

/** At most ten chunks a second. */
const dribbleMs = 100;

async function sendSlowly(
  response: ServerResponse,
  answer: Answer,
  bytesPerSecond: number,
  signal: AbortSignal,
): Promise<void> {
  writeHead(response, answer);
  response.flushHeaders();
  const bytes = Math.max(1, Math.floor((bytesPerSecond * dribbleMs) / 1_000));
  const pauseMs = (bytes * 1_000) / bytesPerSecond;
  for (let sent = 0; sent < answer.body.length && !response.destroyed; sent += bytes) {
    await delay(pauseMs, undefined, { signal });
    response.write(answer.body.subarray(sent, sent + bytes));
  }
  response.end();
}

/** One member of the bomb unpacks to this number of bytes. */
const memberBytes = 1_000_000;
const member = (body: Buffer) => gzipSync(body, { level: 9 });

/** Consecutive gzip members are one stream: the same small member, repeated, is a large text. */
async function sendBomb(response: ServerResponse, bytes: number): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/json;charset=utf-8', 'content-encoding': 'gzip' });
  const filler = member(Buffer.alloc(memberBytes, 'a'));
  response.write(member(Buffer.from('{"id":1,"overview":"')));
  for (let left = bytes; left > 0 && !response.destroyed; left -= memberBytes) {
    if (!response.write(filler)) await drained(response);
  }
  response.end(member(Buffer.from('"}')));
}

/** Waits until the socket accepts more data or is closed. */
const drained = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.once('drain', done).once('close', done);
  });
