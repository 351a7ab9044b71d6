import { ExitCode, UsageError } from '../runtime/errors.ts';
import { parseFaults } from '../sandbox/parse-faults.ts';
import { startSandbox } from '../sandbox/server.ts';
import type { Command, Values } from './command.ts';

export const sandbox: Command = {
  summary: 'a TMDb that runs here: strict limit, faults on request',
  help: `usage: sandbox [--host H] [--port N] [--latency MIN-MAX] [--drift N] [--faults TEXT] [--version N]

Serves TMDb's popular, details, genres and changes under http://127.0.0.1:PORT/3 until it is stopped. The limit is
TMDB_RATE_LIMIT, strictly; the movies are those of SANDBOX_CATALOGUE (NDJSON, one recorded detail document a line, .gz or
not), or SANDBOX_MOVIES invented ones from SANDBOX_SEED. GET /sandbox/stats tells what was asked.

  --host H           standard 127.0.0.1; 0.0.0.0 within a container
  --port N           standard 8080
  --latency MIN-MAX  milliseconds before an answer, standard 20-120
  --drift N          places by which movies move on the popular list while it is paged, standard 0
  --faults TEXT      such as "status=503 rate=0.05 path=/movie/; delay=2000 rate=0.1"
  --version N        of the invented movies: a higher one has newer numbers for a share of them, standard 0

To use it:  TMDB_BASE_URL=http://127.0.0.1:8080/3 TMDB_TOKEN=anything npm start`,
  writes: [],
  options: {
    host: { type: 'string' },
    port: { type: 'string' },
    latency: { type: 'string' },
    drift: { type: 'string' },
    faults: { type: 'string' },
    version: { type: 'string' },
  },
  run: async ({ config, signal }, values) => {
    const { catalogueFile, movies, seed } = config.sandbox;
    await using running = await startSandbox({
      host: String(values['host'] ?? '127.0.0.1'),
      port: wholeNumber(values, 'port', 8080),
      latencyMs: latencyOf(values),
      pageDrift: wholeNumber(values, 'drift', 0),
      version: wholeNumber(values, 'version', 0),
      faults: parseFaults(String(values['faults'] ?? '')),
      limit: config.tmdb.rateLimit,
      ...(catalogueFile ? { catalogueFile } : { movies, seed }),
    });
    process.stdout.write(`listening on ${running.url} (stats at /sandbox/stats); Ctrl-C stops it\n`);
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    return ExitCode.done;
  },
};

function wholeNumber(values: Values, name: string, standard: number): number {
  const value = Number(values[name] ?? standard);
  if (Number.isInteger(value) && value >= 0 && value <= 65_535) return value;
  throw new UsageError(`--${name} takes a whole number, not "${values[name]}"`);
}

function latencyOf(values: Values): readonly [number, number] {
  const text = String(values['latency'] ?? '20-120');
  const [, min, max] = /^(\d+)-(\d+)$/.exec(text) ?? [];
  if (min !== undefined && max !== undefined && Number(min) <= Number(max)) return [Number(min), Number(max)];
  throw new UsageError(`--latency takes milliseconds such as 20-120, not "${text}"`);
}
