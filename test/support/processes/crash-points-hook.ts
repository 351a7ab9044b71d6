/**
 * Activates crash points: `node --import crash-points-hook.ts cli.ts ...`. CRASH_AT or STOP_AT define the event (see
 * `crashEnvironment`), and CRASH_POINTS_LOG names the file in which it is logged before it happens.
 */
import { appendFileSync, statSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { parseCrashPoint, withCrashPoints } from './crash-points.ts';

const reached = 'globalThis[Symbol.for("crash point")]';

const plans = ([['CRASH_AT', 'SIGKILL'] as const, ['STOP_AT', 'SIGSTOP'] as const] as const).flatMap(
  ([variable, signal]) => {
    const text = process.env[variable];
    return text === undefined ? [] : [{ variable, signal, ...parseCrashPoint(text) }];
  },
);

const hits = new Map<string, number>();

/** Calls `fire` at the first iteration of the event loop that finds the file changed. */
function onceWritten(file: string, fire: () => void): void {
  const stampOf = () => {
    const stats = statSync(file, { throwIfNoEntry: false, bigint: true });
    return `${stats?.size ?? ''} ${stats?.mtimeNs ?? ''}`;
  };
  const before = stampOf();
  const look = () => (stampOf() === before ? void setImmediate(look) : fire());
  setImmediate(look);
}

function onReached(point: string): void {
  const hit = (hits.get(point) ?? 0) + 1;
  hits.set(point, hit);
  for (const plan of plans) {
    if (plan.point !== point || plan.hit !== hit) continue;
    const fire = () => {
      appendFileSync(process.env['CRASH_POINTS_LOG'] ?? '', `${plan.variable} ${point}:${hit}\n`);
      process.kill(process.pid, plan.signal);
    };
    if (plan.whenWritten === undefined) fire();
    else onceWritten(plan.whenWritten, fire);
  }
}

Object.assign(globalThis, { [Symbol.for('crash point')]: onReached });

registerHooks({
  load: (url, context, nextLoad) => {
    const loaded = nextLoad(url, context);
    const isOurs = url.startsWith('file:') && url.endsWith('.ts') && !url.includes('/node_modules/');
    if (!isOurs || !loaded.source) return loaded;
    const source =
      typeof loaded.source === 'string' ? loaded.source : Buffer.from(loaded.source as Uint8Array).toString();
    return { ...loaded, source: withCrashPoints(source, reached) };
  },
});
