import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { IngestError, messageOf, UsageError } from '../runtime/errors.ts';
import { type Fault, parseFaults } from './fault.ts';
import { type MovieState, parseMovieStates } from './movie-states.ts';
import type { SandboxStats } from './stats.ts';

/** What can be controlled while the sandbox runs. */
export interface Controls {
  stats(): SandboxStats;
  resetStats(): void;
  faults(): readonly Fault[];
  setFaults(faults: readonly Fault[]): void;
  setVersion(version: number): void;
  setMovies(states: ReadonlyMap<number, MovieState>): void;
}

/** Faults, versions and states are short. */
const maxBodyBytes = 64_000;

/** A request that is refused before its contents are read. */
class RefusedRequest extends IngestError {
  readonly code = 'usage';
  readonly retriable = false;
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * Refuses requests from web pages: a page in a browser must not control a sandbox on the same machine. Such a request has the page's
 * Origin, or a foreign domain that points here (DNS rebinding). Valid requests use an address, or a name of this machine or network.
 * @throws RefusedRequest.
 */
function refuseStrangers({ headers }: IncomingMessage): void {
  const { host = '', origin } = headers;
  const name = /^(\[[^\]]*\]|[^:]*)(?::\d+)?$/.exec(host)?.[1]?.replace(/^\[|\]$/g, '') ?? '';
  const isOurs = isIP(name) !== 0 || /^[\w-]+$/.test(name) || /\.localhost$/.test(name);
  if (!isOurs) throw new RefusedRequest(421, 'call the sandbox by its address or by localhost');
  if (origin !== undefined && origin !== `http://${host}`) {
    throw new RefusedRequest(403, 'a page of another origin must not control the sandbox');
  }
}

/** @throws RefusedRequest if the body is longer than `maxBodyBytes`; the rest is not read. */
async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // The connection stays open for the answer.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) throw new RefusedRequest(413, `expected at most ${maxBodyBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/**
 * The sandbox's own paths, which no limit counts:
 * - `GET /sandbox/stats`: see SandboxStats.
 * - `POST /sandbox/reset`: stats from zero.
 * - `GET /sandbox/faults`: the current faults; `POST /sandbox/faults`: replaces them, as JSON (see parseFaults); an empty body ends them.
 * - `POST /sandbox/version`: another version of the generated catalogue, as a number.
 * - `POST /sandbox/movies`: movies leave the popular list, are deleted, merged or come back, as JSON (see parseMovieStates).
 */
export async function answerControl(
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
  controls: Controls,
): Promise<void> {
  const reply = (status: number, value: unknown) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(value)}\n`);
  try {
    refuseStrangers(request);
    const value = await perform(`${request.method} ${path}`, request, controls);
    reply(value === undefined ? 404 : 200, value ?? { error: `there is no ${request.method} ${path} here` });
  } catch (error) {
    if (error instanceof RefusedRequest) {
      // The rest of the body is not read.
      response.setHeader('connection', 'close');
      reply(error.status, { error: error.message });
      return;
    }
    if (!(error instanceof UsageError)) throw error;
    reply(400, { error: messageOf(error) });
  }
}

async function perform(action: string, request: IncomingMessage, controls: Controls): Promise<unknown> {
  switch (action) {
    case 'GET /sandbox/stats':
      return controls.stats();
    case 'POST /sandbox/reset':
      controls.resetStats();
      return controls.stats();
    case 'GET /sandbox/faults':
      return controls.faults();
    case 'POST /sandbox/faults':
      controls.setFaults(parseFaults(await readBody(request)));
      return controls.faults();
    case 'POST /sandbox/version': {
      const version = await readBody(request);
      if (!/^\d{1,6}$/.test(version.trim())) throw new UsageError(`expected a version such as 2, got "${version}"`);
      controls.setVersion(Number(version));
      return { version: Number(version) };
    }
    case 'POST /sandbox/movies': {
      const states = parseMovieStates(await readBody(request));
      controls.setMovies(states);
      return { movies: states.size };
    }
    default:
      return undefined;
  }
}
