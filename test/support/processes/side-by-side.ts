import type { ChildProcess } from 'node:child_process';
import { vi } from 'vitest';
import type { KafkaFixture } from '../kafka/kafka-fixture.ts';
import { outcomeOf } from './cli.ts';

/** How a process ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}

/** A command in a separate process, which is killed on disposal. */
export class Running implements AsyncDisposable {
  readonly name: string;
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Its output so far. */
  output = '';

  constructor(fixture: KafkaFixture, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.name = args.join(' ');
    const started = performance.now();
    this.child = fixture.spawn(args, env);
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (data) => {
        this.output += data;
      });
    }
    this.ended = outcomeOf(this.child).then((outcome) => ({
      ...outcome,
      seconds: (performance.now() - started) / 1_000,
    }));
  }

  /** Waits until it has written something that matches. @throws Error with its output if it does not. */
  async wrote(text: RegExp, timeoutMs = 60_000): Promise<void> {
    const isThere = () => text.test(this.output);
    await vi.waitUntil(isThere, { timeout: timeoutMs, interval: 50 }).catch(() => {
      throw new Error(`${this.name} did not write ${text}:\n${this.output}`);
    });
  }

  /** @throws Error with its output if it has not ended by then. */
  async endsWithin(ms: number): Promise<Ended> {
    const timer = new AbortController();
    const late = vi
      .waitUntil(() => timer.signal.aborted, { timeout: ms, interval: 100 })
      .then(
        () => null,
        () => null,
      );
    const ended = await Promise.race([this.ended, late]);
    timer.abort();
    if (ended) return ended;
    throw new Error(`${this.name} has not ended after ${ms / 1_000} s:\n${this.output}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null && this.child.pid !== undefined) {
      process.kill(-this.child.pid, 'SIGKILL');
    }
    await this.ended;
  }
}
