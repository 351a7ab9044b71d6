import { z } from 'zod';
import type { Clock } from './clock.ts';
import { type Progress, TaskMeter } from './progress.ts';
import { progressLineShape } from './standard-error.ts';

const everyMs = 5_000;

/** Progress for a program: a line of JSON for each task, now and then, after progress. Disposing of it writes the last state. */
export function createJsonProgress(
  stream: { write(text: string): unknown },
  clock: Clock,
): Pick<Progress, 'update' | typeof Symbol.dispose> {
  const meters = new Map<string, { readonly meter: TaskMeter; hasNews: boolean }>();
  const report = () => {
    for (const task of meters.values()) {
      if (!task.hasNews) continue;
      task.hasNews = false;
      const line = { time: new Date(clock.now()), progress: task.meter.at(clock.monotonic()) };
      stream.write(`${JSON.stringify(z.encode(progressLineShape, line))}\n`);
    }
  };
  const timer = setInterval(report, everyMs);
  timer.unref();
  return {
    update: (name, state) => {
      const task = meters.get(name) ?? { meter: new TaskMeter(name), hasNews: true };
      meters.set(name, task);
      task.meter.update(state, clock.monotonic());
      task.hasNews = true;
    },
    [Symbol.dispose]: () => {
      clearInterval(timer);
      report();
    },
  };
}
