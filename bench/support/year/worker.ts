import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { childrenOf } from '../../../test/support/processes/process-tree.ts';

/** In a worker: answers each request of the benchmark, one after the other. A failure ends the process. */
export function answerRequests<Request, Reply>(answer: (request: Request) => Promise<Reply>): void {
  process.on('message', (request: Request) => {
    void answer(request).then((reply) => process.send?.({ reply }));
  });
  process.once('disconnect', () => process.exit());
}

/** A process that can be killed at any time. The next request starts another one. */
export class Worker implements AsyncDisposable {
  readonly #script: string;
  readonly #args: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcess | null = null;

  /** @param script of this folder. */
  constructor(script: string, args: readonly string[], env: Readonly<Record<string, string>>) {
    this.#script = join(import.meta.dirname, script);
    this.#args = args;
    const { PATH = '', HOME = '' } = process.env;
    this.#env = { PATH, HOME, ...env };
  }

  /** @throws Error if the process ends before it answers. */
  async ask<Reply>(request: object): Promise<Reply> {
    this.#child ??= fork(this.#script, this.#args, { env: this.#env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const child = this.#child;
    const ended = new AbortController();
    const onExit = (code: number | null, signal: string | null) =>
      ended.abort(new Error(`${this.#script} ended with ${signal ?? code}`));
    child.once('exit', onExit);
    try {
      child.send(request);
      const [{ reply }] = await once(child, 'message', { signal: ended.signal });
      return reply as Reply;
    } catch (error) {
      throw ended.signal.aborted ? ended.signal.reason : error;
    } finally {
      child.off('exit', onExit);
    }
  }

  /** Kills with -9 this process, its children, or both. @returns how many it has killed. */
  async kill(who: { readonly own: boolean; readonly children: boolean }): Promise<number> {
    const child = this.#child;
    if (!child?.pid) return 0;
    const pids = [...(who.own ? [child.pid] : []), ...(who.children ? childrenOf(child.pid) : [])];
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    if (who.own && child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    if (who.own) this.#child = null;
    return pids.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.disconnect();
    await exited;
  }
}
