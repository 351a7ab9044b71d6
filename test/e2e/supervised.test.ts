import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../support/processes/fleet.ts';
import { casesOf } from '../tiers.ts';

const root = join(import.meta.dirname, '../..');

/** The processes between a supervisor and the service, from the outside in. */
type Layer = 'npm' | 'shell' | 'wrapper' | 'service';

/** `npm run cli -- ARGS`, or `node scripts/start.mjs ARGS`, as a supervisor would start it. */
class Supervised {
  readonly child: ChildProcess;
  output = '';
  readonly exited: Promise<number | null>;
  /** Whether all output has been read: every process that had the pipes has ended. */
  private isRead = false;

  constructor(command: readonly [string, ...string[]]) {
    const { PATH = '', HOME = '' } = process.env;
    this.child = spawn(command[0], command.slice(1), {
      cwd: root,
      env: { PATH, HOME },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (data) => {
        this.output += data;
      });
    }
    this.child.once('close', () => {
      this.isRead = true;
    });
    this.exited = once(this.child, 'exit').then(([code]) => code as number | null);
  }

  /** Waits until the service listens. @returns its processes by layer. */
  async layers(): Promise<Map<Layer, number>> {
    await until('it listens', () => this.output.includes('listening on'), {
      timeoutMs: 60_000,
      check: () => {
        if (this.child.exitCode !== null) throw new Error(`it ended: ${this.output}`);
      },
    });
    const found = new Map<Layer, number>();
    for (const pid of chainFrom(this.child.pid ?? 0)) found.set(layerOf(pid), pid);
    return found;
  }

  /** Resolves when the service has ended, and has logged that it drains. */
  async drained(service: number): Promise<void> {
    await until('it is gone', () => !isAlive(service) && this.isRead, { timeoutMs: 30_000, pollMs: 20 });
    expect(this.output.match(/finishing work in flight/g), this.output).toHaveLength(1);
    expect(this.output).not.toContain('leaving');
  }

  end(): void {
    try {
      process.kill(-(this.child.pid ?? 0), 'SIGKILL');
    } catch {
      // All its processes have ended.
    }
  }
}

const read = (pid: number, file: string): string => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
};

/** The process, its first child, the first child of that child, and so on. */
function* chainFrom(pid: number): Generator<number> {
  for (let one = pid; one > 0; one = Number(read(one, `task/${one}/children`).trim().split(' ')[0] ?? 0)) yield one;
}

function layerOf(pid: number): Layer {
  const args = read(pid, 'cmdline').split('\0');
  if (args.some((arg) => arg.endsWith('cli.ts'))) return 'service';
  const isStart = args.some((arg) => arg.endsWith('start.mjs') || arg.endsWith('.bin/tmdb-stream'));
  if (isStart && basename(args[0] ?? '').startsWith('node')) return 'wrapper';
  return args[0]?.startsWith('npm') || args[1]?.endsWith('npm') ? 'npm' : 'shell';
}

/** Whether the process runs. A zombie that waits for its parent does not count. */
const isAlive = (pid: number): boolean => /^\d+ \(.*\) [^ZX] /s.test(read(pid, 'stat'));

const service = ['sandbox', '--port', '0', '--latency', '0-0'] as const;
const byNpm = ['npm', 'run', '--silent', 'cli', '--', ...service] as const;
const byName = ['node_modules/.bin/tmdb-stream', ...service] as const;
const byNpx = ['npx', 'tmdb-stream', ...service] as const;
const byNode = [process.execPath, 'scripts/start.mjs', ...service] as const;

describe.runIf(process.platform === 'linux')('a service under a supervisor', () => {
  const started: Supervised[] = [];
  const start = (command: readonly [string, ...string[]]): Supervised => {
    const one = new Supervised(command);
    started.push(one);
    return one;
  };
  afterEach(() => {
    for (const one of started.splice(0)) one.end();
  });

  const ends: [how: string, command: readonly [string, ...string[]], layer: Layer, signal: NodeJS.Signals][] = [
    ['npm is terminated', byNpm, 'npm', 'SIGTERM'],
    ['npm is killed', byNpm, 'npm', 'SIGKILL'],
    ['the shell of npm is killed', byNpm, 'shell', 'SIGKILL'],
    ['npx is terminated', byNpx, 'npm', 'SIGTERM'],
    ['npx is killed', byNpx, 'npm', 'SIGKILL'],
    ['the executable is terminated', byName, 'wrapper', 'SIGTERM'],
    ['the wrapper is terminated', byNode, 'wrapper', 'SIGTERM'],
    ['the wrapper is killed', byNode, 'wrapper', 'SIGKILL'],
    ['the service is terminated', byNode, 'service', 'SIGTERM'],
  ];

  it.each(casesOf(ends, [1, 4]))('[R94] drains once and ends when %s', async (_, command, layer, signal) => {
    const supervised = start(command);
    const layers = await supervised.layers();
    // A shell may have become the wrapper.
    const target = layers.get(layer) ?? layers.get('wrapper') ?? 0;
    process.kill(target, signal);
    await supervised.drained(layers.get('service') ?? 0);
  });

  it.each<[how: string, command: readonly [string, ...string[]]]>([
    ['npm', byNpm],
    ['npx', byNpx],
    ['the executable', byName],
    ['the wrapper', byNode],
  ])('[R94] drains once and ends when all processes of %s are terminated at the same time', async (_, command) => {
    const supervised = start(command);
    const layers = await supervised.layers();
    process.kill(-(supervised.child.pid ?? 0), 'SIGTERM');
    await supervised.drained(layers.get('service') ?? 0);
  });

  it('passes its exit code through the wrapper and leaves no process behind', async () => {
    const supervised = start(byNode);
    const layers = await supervised.layers();
    supervised.child.kill('SIGTERM');
    expect(await supervised.exited).toBe(0);
    expect([...layers.values()].filter(isAlive)).toEqual([]);
  });
});
