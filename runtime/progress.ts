import type { z } from 'zod';
import { cellsOf, cutToCells } from './cells.ts';
import type { Clock } from './clock.ts';
import { escapeControls } from './escape-controls.ts';
import { inBold, wrapText } from './screen.ts';
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
  /**
   * Shows a person, and for how long, that the command starts something or waits for it, until the result is disposed of. It appears
   * neither in the log of a service nor with --json.
   */
  busy(name: string, doing: string): Disposable;
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

  /** Whether nothing more is expected of it. */
  get isComplete(): boolean {
    return this.#state.total !== undefined && this.#state.done >= this.#state.total;
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

/** Something that takes a time which is not known before. */
interface Wait {
  readonly name: string;
  readonly doing: string;
  /** Monotonic ms. */
  readonly since: number;
}

/** `broker   starting Kafka, 3 s` */
function lineOf({ name, doing, since }: Wait, now: number): string {
  const seconds = Math.floor((now - since) / 1_000);
  return `${name.padEnd(8)} ${doing}${seconds > 0 ? `, ${formatDuration(seconds * 1_000)}` : ''}`;
}

const separator = ' · ';

interface ShownTask {
  readonly name: string;
  /** Begins with the name. */
  readonly line: string;
  readonly isComplete: boolean;
}

/**
 * The tasks as one line of at most `width` columns. If they do not fit, what is complete is left out first, then the earliest task.
 * @param emphasized gives a name its color.
 */
function fitted(tasks: readonly ShownTask[], width: number, emphasized: (name: string) => string): string {
  let kept = tasks;
  const text = () => kept.map(({ line }) => line).join(separator);
  while (kept.length > 1 && cellsOf(text()) > width) {
    const left = kept.find(({ isComplete }) => isComplete) ?? kept[0];
    kept = kept.filter((task) => task !== left);
  }
  if (cellsOf(text()) > width) return cutToCells(text(), width);
  return kept.map(({ name, line }) => emphasized(name) + line.slice(name.length)).join(separator);
}

/** On a terminal, one line that is updated; otherwise a plain line now and then, only after progress. */
export function createProgress(stream: NodeJS.WriteStream, clock: Clock, secrets: readonly Secret[] = []): Progress {
  const clean = (text: string) => escapeControls(scrub(text, secrets));
  const meters = new Map<string, TaskMeter>();
  const waits = new Set<Wait>();
  const isTerminal = stream.isTTY === true;
  const width = () => stream.columns || 80;
  let shown = '';
  let hasEnded = false;
  const counted = (): ShownTask[] =>
    [...meters].map(([name, meter]) => ({
      name: clean(name),
      line: clean(meter.line(clock.monotonic())),
      isComplete: meter.isComplete,
    }));
  const waited = (): ShownTask[] =>
    [...waits].map((wait) => ({ name: wait.name, line: clean(lineOf(wait, clock.monotonic())), isComplete: false }));
  const render = () => {
    const line = isTerminal
      ? fitted([...counted(), ...waited()], width() - 1, (name) => inBold(name, stream))
      : counted()
          .map((task) => task.line)
          .join(separator);
    if (line === shown || (line === '' && !isTerminal)) return;
    shown = line;
    stream.write(isTerminal ? `\r\u001b[2K${line}` : `${line}\n`);
  };
  const timer = setInterval(render, isTerminal ? 200 : 5_000);
  timer.unref();
  const note = (text: string) => {
    if (isTerminal && shown !== '') stream.write('\r\u001b[2K');
    shown = '';
    const line = clean(text);
    stream.write(`${isTerminal ? wrapText(line, width()) : line}\n`);
  };
  return {
    note,
    wait: note,
    busy: (name, doing) => {
      const wait = { name, doing, since: clock.monotonic() };
      waits.add(wait);
      if (isTerminal) render();
      else note(`${name.padEnd(8)} ${doing}`);
      return {
        [Symbol.dispose]: () => {
          if (waits.delete(wait) && isTerminal && !hasEnded) render();
        },
      };
    },
    update: (name, state) => {
      const meter = meters.get(name) ?? new TaskMeter(name);
      meters.set(name, meter);
      meter.update(state, clock.monotonic());
    },
    [Symbol.dispose]: () => {
      if (hasEnded) return;
      hasEnded = true;
      clearInterval(timer);
      waits.clear();
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
  busy: () => ({ [Symbol.dispose]: () => {} }),
  [Symbol.dispose]: () => {},
};
