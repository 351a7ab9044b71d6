import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { membersIfVisible } from '../kafka/former-group.ts';
import { lineOf, type TopicFinding } from '../kafka/topic-preconditions.ts';
import { type Context, toolsDir } from '../platform/context.ts';
import { topicSettingsOf } from '../platform/open-kafka.ts';
import { goldCopyMistakes, placeMistake, placesOf } from '../platform/places.ts';
import { openPlatform } from '../platform/platform.ts';
import { warehouseAccess } from '../platform/warehouse.ts';
import { messageOf } from '../runtime/errors.ts';
import { asFileError } from '../runtime/file-error.ts';
import { proxyFor, shownProxy } from '../runtime/proxy.ts';
import type { ValueOf } from '../runtime/shape.ts';
import { serverOf } from '../warehouse/registry.ts';
import { topicsOfOtherPrefixes } from './other-prefix.ts';

/** One requirement, and what to do if it is not met. */
const findingShape = z.object({
  check: z.string().describe('what was checked: node, dbt, data, proxy, kafka, topics, warehouse, bucket or tmdb'),
  verdict: z
    .enum(['ok', 'warn', 'wrong'])
    .describe('warn: nothing is lost now, but the guarantees are not fully met; wrong: a run would fail'),
  detail: z.string().describe('the state, or what is wrong and what to do'),
});

export const findingsShape = z.object({ findings: z.array(findingShape).describe('one or more for each check') });
export type Finding = ValueOf<typeof findingShape>;

type Note = Omit<Finding, 'check'>;

const ok = (detail: string): Note => ({ verdict: 'ok', detail });
const warning = (detail: string): Note => ({ verdict: 'warn', detail });
const wrong = (detail: string): Note => ({ verdict: 'wrong', detail });

const run = promisify(execFile);

/** Each check resolves to its finding, or rejects with the problem and what to do. */
const checks: Readonly<Record<string, (context: Context) => Promise<string | readonly Note[]>>> = {
  node: async () => `${process.version} at ${process.execPath}`,
  dbt: async ({ config }) => {
    const env = config.childEnvironment;
    const { stdout } = await run(join(toolsDir, 'dbt', 'bin', 'dbt'), ['--version'], { env, cwd: toolsDir });
    return /installed:\s*(\S+)/.exec(stdout)?.[1] ?? 'installed';
  },
  data: async ({ config }) => {
    const places = placesOf(config, ['work files', 'warehouse']);
    const ofPlaces = places.flatMap((place) => placeMistake(place) ?? []);
    const mistakes = [...new Set(ofPlaces), ...(ofPlaces.length > 0 ? [] : goldCopyMistakes(config))];
    if (mistakes.length > 0) return mistakes.map(wrong);
    return `${config.dataDir} (movies: ${config.origin})`;
  },
  proxy: async ({ config }) => {
    const { tmdb, warehouse, proxy } = config;
    const server = serverOf(warehouse);
    const targets = {
      ...(config.origin === 'tmdb' && { TMDb: tmdb.baseUrl }),
      ...(server && { [server.title]: server.url }),
    };
    const ways = Object.entries(targets).map(([name, target]) => {
      const chosen = proxyFor(target, proxy);
      return chosen ? `${name} through ${shownProxy(chosen)}` : `${name} directly`;
    });
    return ways.join(', ') || 'none is needed: the sandbox is on this machine';
  },
  kafka: examineKafka,
  topics: async (context) => {
    await using platform = openPlatform(context, { mayJoinBroker: true, topics: 'leave', kafkaPatienceMs: 5_000 });
    const { admin } = (await platform.kafka()).cluster;
    const missing = await admin.missingTopics();
    const findings = await admin.examineTopics(topicSettingsOf(context.config));
    if (findings.length > 0) return findings.map(noteOf);
    return missing.length > 0
      ? `${missing.join(', ')} do not exist yet: the first run creates them`
      : 'as they should be';
  },
  warehouse: async (context) => {
    const system = warehouseAccess(context);
    if (!system.exists()) return `${system.name} (does not exist yet: the first run creates it)`;
    await using reader = await system.openReader({ lookMs: 2_000 });
    await reader.query('select 1 as answer');
    const others = await topicsOfOtherPrefixes(context, reader);
    return [ok(system.name), ...others.map(noteOfOther)];
  },
  bucket: async (context) => {
    await using platform = openPlatform(context);
    if (!(await platform.isBucketShared()))
      return 'in this process only ("tmdb-stream up" or TOKEN_BUCKET_URL provides a shared one)';
    const { tokensLeft, capacity } = await (await platform.bucket()).state();
    const left = ok(`${tokensLeft} of ${capacity} tokens left`);
    if (!context.config.tokenBucketUrl) return [left];
    const { examineEviction, storeLineOf } = await import('../tmdb/token-bucket/eviction.ts');
    const finding = await examineEviction(context.config.tokenBucketUrl);
    return finding ? [left, warning(storeLineOf(finding))] : [left];
  },
  tmdb: async (context) => {
    await using platform = openPlatform(context);
    const tmdb = await platform.tmdb();
    const { url } = await tmdb.genres('en', context.signal);
    return `${new URL(url).origin} answers and accepts the credentials`;
  },
};

/** Whether Kafka can be reached, and whether a process of an older version reads from it. */
export async function examineKafka(context: Context): Promise<Note[]> {
  await using platform = openPlatform(context, { mayJoinBroker: true, topics: 'leave', kafkaPatienceMs: 5_000 });
  const { clusterId, cluster } = await platform.kafka();
  const { brokers, formerGroups } = context.config.kafka;
  const older: Note[] = [];
  for (const former of Object.values(formerGroups)) {
    const members = await membersIfVisible(cluster.admin, former);
    if (members.length > 0) older.push(noteOfOlderVersion(members, former));
  }
  return [ok(`${brokers?.join(', ') ?? 'a local broker'}, cluster ${clusterId}`), ...older];
}

const noteOfOlderVersion = (members: readonly string[], former: string): Note =>
  warning(
    `${members.join(', ')}: an older version, which reads as group ${former} and repeats the work of this version. End it`,
  );

const noteOfOther = (topic: string): Note =>
  warning(
    `BRONZE has records of ${topic}, which has another KAFKA_TOPIC_PREFIX: see docs/services.md, "Several deployments on one cluster"`,
  );

const noteOf = (finding: TopicFinding): Note =>
  finding.verdict === 'warn' ? warning(lineOf(finding)) : wrong(lineOf(finding));

/** Checks everything that a run needs, one after the other. A run at the same time keeps its lock and makes `warehouse` fail. */
export async function examine(context: Context): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [check, examineIt] of Object.entries(checks)) {
    try {
      const found = await examineIt(context);
      const notes = typeof found === 'string' ? [ok(found)] : found;
      findings.push(...notes.map((note) => ({ check, ...note })));
    } catch (error) {
      context.signal.throwIfAborted();
      findings.push({ check, ...wrong(messageOf(asFileError(error)).split('\n')[0] ?? '') });
    }
  }
  return findings;
}
