import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A crash point is a place in the source where a test can end or stop a process: a line `// crash point: STAGE.WHERE`, which
 * does nothing. In a process that was started with `crash-points-hook.ts`, a call replaces it.
 */
const comment = /^([ \t]*)\/\/ crash point: (\S+)[ \t]*$/gm;

/** Names of the points in a source, in order. */
export const crashPointsIn = (source: string): string[] => [...source.matchAll(comment)].map(([, , name = '']) => name);

/** The source with a call of `reached` at each of its points, on the same line: stacks keep their line numbers. */
export const withCrashPoints = (source: string, reached: string): string =>
  source.replace(comment, (_, indent: string, name: string) => `${indent}${reached}(${JSON.stringify(name)});`);

/** The signal that the process receives, and when. */
export interface CrashPoint {
  /** Such as `loader.begun`. */
  readonly point: string;
  /** The number of the visit to the point, from 1 on. */
  readonly hit: number;
  /** Wait until this file has changed after the visit. Until then, the process continues, also on other threads. */
  readonly whenWritten?: string;
}

const spec = /^([\w-]+\.[\w-]+):(\d+)(?:, when written: (.+))?$/;

/** `loader.begun:3`, or `loader.before-commit:1, when written: FILE`. @throws Error when it is neither. */
export function parseCrashPoint(text: string): CrashPoint {
  const [, point, hit, whenWritten] = spec.exec(text) ?? [];
  if (point === undefined) throw new Error(`expected something like loader.begun:3, got "${text}"`);
  return { point, hit: Number(hit), ...(whenWritten !== undefined && { whenWritten }) };
}

/** Environment of a process that is to be killed (SIGKILL), or stopped (SIGSTOP), at a point; `log` is the file that records it. */
export const crashEnvironment = (
  what: 'CRASH_AT' | 'STOP_AT',
  { point, hit, whenWritten }: CrashPoint,
  log: string,
): Record<string, string> => ({
  [what]: `${point}:${hit}${whenWritten === undefined ? '' : `, when written: ${whenWritten}`}`,
  CRASH_POINTS_LOG: log,
});

/** Node's own arguments for a process of this environment. */
export const crashPointFlags = (env: Readonly<Record<string, string>>): string[] =>
  env['CRASH_POINTS_LOG'] === undefined ? [] : ['--import', join(import.meta.dirname, 'crash-points-hook.ts')];

/** The points that have fired so far, one line each, such as `CRASH_AT loader.begun:3`. */
export const firedIn = (log: string): string[] =>
  existsSync(log) ? readFileSync(log, 'utf8').split('\n').filter(Boolean) : [];
