import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** A loop that keeps one core busy until its standard input closes, which happens whenever we end, or until its time limit. */
const loop = `
  process.stdin.on('end', () => process.exit(0)).resume();
  const endAt = Date.now() + Number(process.argv[1]);
  const spin = () => {
    for (let i = 0; i < 5e6; i += 1) Math.sqrt(i);
    if (Date.now() < endAt) setImmediate(spin);
    else process.exit(0);
  };
  spin();
`;

/** Busy loops beside the tests. They end on `dispose`, when this process ends, and at the latest after `maxMs`. */
export class Load implements AsyncDisposable {
  readonly #loops: readonly ChildProcess[];

  constructor(count: number, maxMs: number) {
    this.#loops = Array.from({ length: count }, () =>
      spawn(process.execPath, ['-e', loop, String(maxMs)], { stdio: ['pipe', 'ignore', 'inherit'] }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.#loops.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const exited = once(child, 'exit');
        child.kill('SIGKILL');
        await exited;
      }),
    );
  }
}
