import type { IncomingMessage, ServerResponse } from 'node:http';
import { text as readText } from 'node:stream/consumers';
import { messageOf, UsageError } from '../lib/errors.ts';
import type { Fault } from './faults.ts';
import { parseFaults } from './parse-faults.ts';
import type { SandboxStats } from './stats.ts';

/** What can be steered while the sandbox runs. */
export interface Controls {
  stats(): SandboxStats;
  resetStats(): void;
  faults(): readonly Fault[];
  setFaults(faults: readonly Fault[]): void;
  setVersion(version: number): void;
}

/**
 * The sandbox's own paths, which no limit counts:
 * - `GET /sandbox/stats`: see SandboxStats.
 * - `POST /sandbox/reset`: stats from zero.
 * - `GET /sandbox/faults`: those in force; `POST /sandbox/faults`: others, as text (see parseFaults); none ends them.
 * - `POST /sandbox/version`: another version of the generated catalogue, as a number.
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
    const value = await perform(`${request.method} ${path}`, request, controls);
    reply(value === undefined ? 404 : 200, value ?? { error: `there is no ${request.method} ${path} here` });
  } catch (error) {
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
      controls.setFaults(parseFaults(await readText(request)));
      return controls.faults();
    case 'POST /sandbox/version': {
      const version = await readText(request);
      if (!/^\d{1,6}$/.test(version.trim())) throw new UsageError(`expected a version such as 2, got "${version}"`);
      controls.setVersion(Number(version));
      return { version: Number(version) };
    }
    default:
      return undefined;
  }
}
