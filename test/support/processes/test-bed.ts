import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import { type Sandbox, type SandboxOptions, type SandboxRequest, startSandbox } from '../../../sandbox/server.ts';
import { type AuditOptions, type AuditReport, audit } from '../audit/audit.ts';
import { RedisServer } from '../token-bucket/redis.ts';
import { Workspace } from './cli.ts';
import { Fleet, FleetBroker } from './fleet.ts';

export interface TestBedOptions {
  /** The rate limit of the sandbox and of all its clients. */
  readonly limit: { readonly capacity: number; readonly windowMs: number };
  readonly sandbox?: SandboxOptions;
  /** Settings of every process, in addition to those of the test bed. */
  readonly env?: Readonly<Record<string, string>>;
  /** Additional properties of the broker. */
  readonly kafka?: Readonly<Record<string, string>>;
  /** For tests about dbt's process: see `Fleet`. @default false */
  readonly ownDbt?: boolean;
}

/** Everything that a pipeline needs, real and local: a data folder, a broker, a token store and a strict sandbox. */
export interface TestBed extends AsyncDisposable {
  readonly workspace: Workspace;
  readonly broker: FleetBroker;
  readonly redis: RedisServer;
  readonly sandbox: Sandbox;
  /** The services that run on it. */
  readonly fleet: Fleet;
  /** Every request that the sandbox has seen. */
  readonly requests: readonly SandboxRequest[];
  /** Emits `request` as soon as the sandbox knows what it will answer, before it does. */
  readonly asked: EventEmitter<{ request: [SandboxRequest] }>;
  /** Runs a command that must succeed. @throws Error with its output if it fails. */
  run(...args: string[]): Promise<void>;
  /** The audit of the present state, including the sandbox's count of requests. */
  audit(options?: AuditOptions): Promise<AuditReport>;
}

const secret = 'canary-of-the-test-bed';

export async function openTestBed({
  limit,
  sandbox: wanted,
  env,
  kafka,
  ownDbt = false,
}: TestBedOptions): Promise<TestBed> {
  const workspace = new Workspace({}, { ownDbt });
  const requests: SandboxRequest[] = [];
  const asked = new EventEmitter<{ request: [SandboxRequest] }>();
  asked.on('request', (request) => requests.push(request));
  const onRequest = (request: SandboxRequest) => asked.emit('request', request);
  const [broker, redis, sandbox] = await Promise.all([
    FleetBroker.start(join(workspace.dataDir, 'kafka'), kafka && { properties: kafka }),
    RedisServer.start(),
    startSandbox({ ...wanted, limit, onRequest }),
  ]);
  const settings = {
    DATA_DIR: workspace.dataDir,
    KAFKA_BROKERS: broker.address,
    KAFKA_SESSION_TIMEOUT: '1s',
    TMDB_BASE_URL: sandbox.url,
    TMDB_TOKEN: secret,
    TMDB_RATE_LIMIT: `${limit.capacity}/${limit.windowMs}ms`,
    TOKEN_BUCKET_URL: redis.url,
    ...env,
  };
  const fleet = new Fleet(settings, { ownDbt });
  return {
    ...{ workspace, broker, redis, sandbox, fleet, requests, asked },
    run: async (...args) => {
      const { code, stderr } = await workspace.run(args, settings);
      if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}\n${stderr}`);
    },
    audit: (options) => {
      const said = fleet.services.flatMap(({ lines, noise }) => [JSON.stringify(lines), ...noise]);
      const canary = { secret, said };
      return audit(workspace, { brokers: [broker.address], requests: sandbox.stats(), canary, ...options });
    },
    [Symbol.asyncDispose]: async () => {
      await fleet[Symbol.asyncDispose]();
      await Promise.all([redis, broker, sandbox].map((part) => part[Symbol.asyncDispose]()));
      workspace[Symbol.dispose]();
    },
  };
}
