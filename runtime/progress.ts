import type { z } from 'zod';
import { cutToCells } from './cells.ts';
import type { Clock } from './clock.ts';
import { escapeControls } from './escape-controls.ts';
import { scrub } from './scrub.ts';
import type { Secret } from './secret.ts';
import type { progressLineShape } from './standard-error.ts';
import { formatDuration } from './units.ts';

/** Shows the progress of long work. Disposing of it shows the last state and ends the line; it may be disposed of twice. */
export interface Progress extends Disposable {
  /** Reports the progress of the task `name`; `total` is absent while it is unknown. */
  update(name: string, state: TaskState): void;
  /** Prints a separate line, in past tense. */
  note(text: string): void;
  /** Prints a separate line: what the command waits for. Shown even if nothing else is, as with --json. */
  wait(text: string): void;
  /** A line for a person at a terminal. It appears neither in the log of a service nor with --json. */
  hint(text: string): void;
}

export interface TaskState {
  readonly done: number;
  readonly total?: number;
  /** The counted things, in the plural: `movies`. */
  readonly unit: string;
  /** The long-term rate that a limit allows: a burst at the start must not promise an early end. */
  readonly maxPerSecond?: number;
}

/** The rate, and with it the time left, is computed over this period, so that both follow a change of pace. */
const rateSpanMs = 30_000;

interface Sample {
  readonly at: number;
  readonly done: number;
}

/** One task's line, such as `fetch 120/241 movies, 4.0/s, 30 s left`. */
export class TaskMeter {
  readonly #name: string;
  #samples: Sample[] = [];
  #state: TaskState = { done: 0, unit: '' };

  constructor(name: string) {
    this.#name = name;
  }

  /** @param at monotonic milliseconds. */
  update(state: TaskState, at: number): void {
    this.#state = state;
    this.#samples.push({ at, done: state.done });
    while (this.#samples.length > 2 && (this.#samples[1]?.at ?? at) <= at - rateSpanMs) this.#samples.shift();
  }

  /** @param at monotonic milliseconds. */
  line(at: number): string {
    const { done, total, unit, perSecond, secondsLeft } = this.at(at);
    const count = `${this.#name} ${done}${total === null ? '' : `/${total}`} ${unit}`;
    if (perSecond === null || secondsLeft === null || secondsLeft === 0) return count;
    return `${count}, ${perSecond.toFixed(1)}/s, ${formatDuration(secondsLeft * 1_000)} left`;
  }

  /** The same for a program. @param at monotonic milliseconds. */
  at(at: number): z.output<typeof progressLineShape>['progress'] {
    const { done, total = null, unit, maxPerSecond = Number.POSITIVE_INFINITY } = this.#state;
    const first = this.#samples[0];
    const seen = first && at > first.at ? ((done - first.done) / (at - first.at)) * 1_000 : 0;
    const perSecond = seen > 0 ? Math.min(seen, maxPerSecond) : null;
    const left = total === null ? null : Math.max(0, total - done);
    const secondsLeft = left === null || perSecond === null ? null : left / perSecond;
    return { task: this.#name, done, total, unit, perSecond, secondsLeft };
  }
}

/** On a terminal, one line that is updated; otherwise a plain line now and then, only after progress. */
export function createProgress(stream: NodeJS.WriteStream, clock: Clock, secrets: readonly Secret[] = []): Progress {
  const clean = (text: string) => escapeControls(scrub(text, secrets));
  const meters = new Map<string, TaskMeter>();
  const isTerminal = stream.isTTY === true;
  let shown = '';
  let hasEnded = false;
  const render = () => {
    const line = clean([...meters.values()].map((meter) => meter.line(clock.monotonic())).join(' · '));
    if (line === shown) return;
    shown = line;
    stream.write(isTerminal ? `\r\u001b[2K${cutToCells(line, (stream.columns ?? 80) - 1)}` : `${line}\n`);
  };
  const timer = setInterval(render, isTerminal ? 200 : 5_000);
  timer.unref();
  const note = (text: string) => {
    if (isTerminal && shown !== '') stream.write('\r\u001b[2K');
    shown = '';
    stream.write(`${clean(text)}\n`);
  };
  return {
    note,
    wait: note,
    hint: note,
    update: (name, state) => {
      const meter = meters.get(name) ?? new TaskMeter(name);
      meters.set(name, meter);
      meter.update(state, clock.monotonic());
    },
    [Symbol.dispose]: () => {
      if (hasEnded) return;
      hasEnded = true;
      clearInterval(timer);
      if (meters.size > 0) render();
      if (isTerminal && shown !== '') stream.write('\n');
    },
  };
}

/** For programs: prints nothing. */
export const noProgress: Progress = {
  update: () => {},
  note: () => {},
  wait: () => {},
  hint: () => {},
  [Symbol.dispose]: () => {},
};
