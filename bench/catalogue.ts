/**
 * What does the whole catalogue cost: publishing an export, the start of a producer that has to know all of its movies, and
 * the coverage report?
 *
 *   npm run bench -- catalogue [--movies 1240000]
 *
 * Each command runs in a process of its own, with the flag of `scripts/start.mjs`. BRONZE is empty. The targets for 1.24 million movies: at most 60 CPU seconds for the export, 10 for the
 * start of a producer, 300 MB for both, and 2 seconds for `status`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { formatTable } from '../runtime/table.ts';
import { startSandbox } from '../sandbox/server.ts';
import { openFixture } from './support/fleet-bench.ts';

const { values } = parseArgs({ options: { movies: { type: 'string', default: '1240000' } } });
const movies = Number(values.movies);

await using fixture = await openFixture();
await using sandbox = await startSandbox({ movies, limit: null });
const env = {
  ...process.env,
  ...{ DATA_DIR: fixture.folder, KAFKA_BROKERS: fixture.brokers, TMDB_BASE_URL: sandbox.url, TMDB_TOKEN: 'bench' },
};

interface Usage {
  readonly cpuSeconds: number;
  readonly megabytes: number;
}

/** Runs a command, and returns its usage. @throws Error with its output if it fails. */
async function measure(step: string, ...args: string[]) {
  const usage = join(import.meta.dirname, 'support/usage.ts');
  const started = performance.now();
  const child = spawn(
    process.execPath,
    ['--max-semi-space-size=16', '--import', usage, join(import.meta.dirname, '../cli.ts'), ...args, '--json'],
    {
      ...{ env, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] },
    },
  );
  const used = Promise.withResolvers<Usage>();
  child.on('message', (message) => used.resolve(message as Usage));
  let stderr = '';
  child.stderr?.on('data', (chunk) => {
    stderr = `${stderr}${chunk}`.slice(-2_000);
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}\n${stderr}`);
  const { cpuSeconds, megabytes } = await used.promise;
  const seconds = (performance.now() - started) / 1_000;
  return { step, 'CPU s': cpuSeconds.toFixed(1), s: seconds.toFixed(1), MB: megabytes.toFixed(0) };
}

const rows = [
  await measure('produce export', 'produce', 'export'),
  // Reads both topics of ids and finds nothing new.
  await measure('produce export, which knows all', 'produce', 'export'),
  await measure('coverage', 'coverage'),
  await measure('status', 'status'),
];
process.stdout.write(`${movies} movies\n${formatTable(rows)}\n`);
