/**
 * What does it cost to start the command line, and when does a person see something?
 *
 *   npm run bench -- startup [--runs 10] [--json]
 *
 * CPU time of `--help`, by `cli.ts` alone and by the executable, which starts it in a second process. The yardstick is
 * `node --eval 0`, which runs alternately with them; medians. Then the time from `npm start` to its first line, `starting Kafka`, in a
 * terminal, on a new data folder; each of these starts is ended after that line. Linux only: it reads /proc.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { formatTable } from '../runtime/table.ts';
import { cpuTime } from '../test/runner/cpu-time.ts';
import { compileCache } from '../test/support/processes/compile-cache.ts';
import { median } from './support/median.ts';

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '10' }, json: { type: 'boolean', default: false } },
});
const runs = Number(values.runs);
const root = join(import.meta.dirname, '..');
const env = { ...process.env, ...compileCache, TMDB_TOKEN: '', TMDB_API_KEY: '' };

const node = process.execPath;
const commands = {
  'node --eval 0': [node, '--eval', '0'],
  'node cli.ts --help': [node, 'cli.ts', '--help'],
  'tmdb-stream --help': ['node_modules/.bin/tmdb-stream', '--help'],
} as const;

const cpuOfChildren = (): number => cpuTime()?.descendants ?? Number.NaN;

/** CPU and elapsed seconds of a command until its end. */
async function cost([program, ...args]: readonly [string, ...string[]]) {
  const [cpu, started] = [cpuOfChildren(), performance.now()];
  const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}`);
  return { cpu: cpuOfChildren() - cpu, elapsed: (performance.now() - started) / 1_000 };
}

/** Seconds until `npm start` has written its first line. */
async function firstLine(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-startup-'));
  const started = performance.now();
  const child = spawn('npm', ['start', '--silent'], {
    cwd: root,
    env: { ...env, DATA_DIR: folder },
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  const closed = once(child, 'close');
  const [text] = await once(child.stderr, 'data');
  const seconds = (performance.now() - started) / 1_000;
  if (!String(text).startsWith('broker   starting Kafka')) throw new Error(`its first line is ${text}`);
  child.stderr.resume();
  process.kill(-(child.pid ?? 0), 'SIGTERM');
  await closed;
  rmSync(folder, { recursive: true });
  return seconds;
}

const measured = new Map<string, { cpu: number; elapsed: number }[]>(Object.keys(commands).map((name) => [name, []]));
for (let run = -1; run < runs; run += 1) {
  for (const [name, command] of Object.entries(commands)) {
    const one = await cost(command);
    // The first run fills caches.
    if (run >= 0) measured.get(name)?.push(one);
  }
}
const yardstick = median(measured.get('node --eval 0')?.map(({ cpu }) => cpu) ?? []);
const rows = [...measured].map(([command, costs]) => {
  const cpu = median(costs.map((one) => one.cpu));
  return { command, cpu_seconds: cpu, ratio: cpu / yardstick, seconds: median(costs.map((one) => one.elapsed)) };
});
const starts: number[] = [];
for (let run = 0; run < Math.min(runs, 5); run += 1) starts.push(await firstLine());
const first = { first_line_seconds: median(starts), slowest: Math.max(...starts), runs: starts.length };
process.stdout.write(
  `${values.json ? JSON.stringify({ rows, first }) : `${formatTable(rows)}\n\nnpm start\n${formatTable([first])}`}\n`,
);
