import { execFile } from 'node:child_process';
import { accessSync, constants, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { messageOf } from '../lib/errors.ts';
import { asFileError } from '../lib/file-error.ts';
import { type Context, openPlatform, toolsDir } from './platform.ts';
import { warehouseSystem } from './warehouse.ts';

/** One thing that has to be right, and what to do when it is not. */
export interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
}

const run = promisify(execFile);

/** Each check resolves to what it found, or rejects with what is wrong and what to do. */
const checks: Readonly<Record<string, (context: Context) => Promise<string>>> = {
  node: async () => `${process.version} at ${process.execPath}`,
  dbt: async ({ config }) => {
    const env = config.childEnvironment;
    const { stdout } = await run(join(toolsDir, 'dbt', 'bin', 'dbt'), ['--version'], { env });
    return /installed:\s*(\S+)/.exec(stdout)?.[1] ?? 'installed';
  },
  data: async ({ config }) => {
    mkdirSync(config.dataDir, { recursive: true });
    accessSync(config.dataDir, constants.W_OK);
    return `${config.dataDir} (movies: ${config.origin})`;
  },
  kafka: async (context) => {
    await using platform = openPlatform(context, { mayJoinBroker: true });
    const { clusterId } = await platform.kafka();
    return `${context.config.kafka.brokers?.join(', ') ?? 'a broker of our own'}, cluster ${clusterId}`;
  },
  warehouse: async (context) => {
    const system = warehouseSystem(context, { lockWaitMs: 2_000 });
    if (!system.exists()) return `${system.name} (not there yet: the first run makes it)`;
    await using reader = await system.openReader();
    await reader.query('select 1 as answer');
    return system.name;
  },
  bucket: async (context) => {
    if (!context.config.tokenBucketUrl) return 'one of this process (TOKEN_BUCKET_URL names one for a fleet)';
    await using platform = openPlatform(context);
    const { tokensLeft, capacity } = await (await platform.bucket()).state();
    return `${tokensLeft} of ${capacity} tokens left`;
  },
  tmdb: async (context) => {
    await using platform = openPlatform(context);
    const tmdb = await platform.tmdb();
    const { url } = await tmdb.genres('en', context.signal);
    return `${new URL(url).origin} answers and takes the credentials`;
  },
};

/** Tries everything a run needs, one after the other; a run beside it keeps its lock and makes `warehouse` fail. */
export async function examine(context: Context): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [check, examineIt] of Object.entries(checks)) {
    try {
      findings.push({ check, ok: true, detail: await examineIt(context) });
    } catch (error) {
      context.signal.throwIfAborted();
      findings.push({ check, ok: false, detail: messageOf(asFileError(error)).split('\n')[0] ?? '' });
    }
  }
  return findings;
}
