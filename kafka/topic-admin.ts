import { setTimeout as delay } from 'node:timers/promises';
import kafkajs, { type Admin } from 'kafkajs';
import type { Topic, Topics } from '../schemas/topics.ts';
import type { Kafka } from './client.ts';
import { partsOf, protocolErrorOf } from './errors.ts';
import { newEncoder, type RawRequest, sendToAnyBroker, throwOnError } from './kafkajs-internals.ts';
import type { TopicFinding, TopicState, TopicStates } from './topic-preconditions.ts';
import { configOf, type TopicSettings, timestampBound, uncleanElection } from './topic-settings.ts';

const { ConfigResourceTypes } = kafkajs;

/** Those of `topics` that do not exist. */
export async function missingTopics(admin: Admin, topics: Topics): Promise<Topic[]> {
  const existing = new Set(await admin.listTopics());
  return Object.values<Topic>({ ...topics }).filter(({ name }) => !existing.has(name));
}

/** Settings that some clusters do not know, or do not let users set; each attempt to create topics omits more of them. */
const omissions: readonly (readonly string[])[] = [[], [timestampBound], [timestampBound, uncleanElection]];

/** Creates missing topics and leaves existing ones unchanged. @returns the created topics. */
export async function createMissing(admin: Admin, topics: Topics, settings: TopicSettings): Promise<string[]> {
  const missing = await missingTopics(admin, topics);
  if (missing.length === 0) return [];
  const create = (omitted: readonly string[]) =>
    admin.createTopics({
      waitForLeaders: true,
      topics: missing.map((topic) => ({
        topic: topic.name,
        numPartitions: settings.partitions,
        replicationFactor: settings.replicationFactor,
        configEntries: Object.entries(configOf(topic, settings))
          .filter(([name]) => !omitted.includes(name))
          .map(([name, value]) => ({ name, value })),
      })),
    });
  for (const omitted of omissions) {
    try {
      await create(omitted);
      break;
    } catch (error) {
      if (omitted === omissions.at(-1) || !isRefusedSetting(error)) throw error;
    }
  }
  return missing.map(({ name }) => name);
}

const isRefusedSetting = (error: unknown): boolean =>
  partsOf(error).some((one) => ['INVALID_CONFIG', 'POLICY_VIOLATION'].includes(protocolErrorOf(one) ?? ''));

/** The state of each of `topics` that exists. */
export async function readTopics(admin: Admin, topics: Topics): Promise<TopicStates> {
  const missing = await missingTopics(admin, topics);
  const existing = Object.values<Topic>({ ...topics }).filter((topic) => !missing.includes(topic));
  const names = existing.map(({ name }) => name);
  if (names.length === 0) return new Map();
  const [{ topics: described }, configs] = await Promise.all([
    admin.fetchTopicMetadata({ topics: names }),
    readConfigs(admin, names),
  ]);
  return new Map(
    existing.map((topic): [Topic, TopicState] => {
      const { partitions = [] } = described.find(({ name }) => name === topic.name) ?? {};
      return [
        topic,
        {
          partitions: partitions.length,
          replicationFactor: Math.min(...partitions.map(({ replicas }) => replicas.length)),
          config: configs.get(topic.name) ?? null,
        },
      ];
    }),
  );
}

type Configs = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** Reads all in one request. If we may not read one of them, sends a request for each. */
async function readConfigs(admin: Admin, names: readonly string[]): Promise<Configs> {
  try {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: names.map((name) => ({ type: ConfigResourceTypes.TOPIC, name })),
    });
    return new Map(
      resources.map(({ resourceName, configEntries }) => [
        resourceName,
        new Map(configEntries.map(({ configName, configValue }) => [configName, configValue])),
      ]),
    );
  } catch (error) {
    if (!protocolErrorOf(error)?.endsWith('_AUTHORIZATION_FAILED')) throw error;
    if (names.length === 1) return new Map();
    const configs = await Promise.all(names.map((name) => readConfigs(admin, [name])));
    return new Map(configs.flatMap((config) => [...config]));
  }
}

const pollMs = 50;
const polls = 100;

/** A setting and its new value. */
type Change = readonly [setting: string, value: string];
/** By the name of the topic. */
type Changes = ReadonlyMap<string, readonly Change[]>;

/** Applies all possible fixes, and waits until Kafka shows them. Changes nothing else. */
export async function applyFixes(kafka: Kafka, admin: Admin, findings: readonly TopicFinding[]): Promise<void> {
  const changes = new Map<string, Change[]>();
  for (const { topic, setting, fix } of findings) {
    if (fix?.kind === 'alter') changes.set(topic, [...(changes.get(topic) ?? []), [setting, fix.value]]);
    if (fix?.kind !== 'add partitions') continue;
    await admin.createPartitions({ topicPartitions: [{ topic, count: fix.partitions }] });
  }
  if (changes.size > 0) await sendToAnyBroker(kafka, incrementalAlterConfigs(changes));
  for (let poll = 1; poll <= polls && !(await areApplied(kafka, admin, changes)); poll += 1) await delay(pollMs);
}

async function areApplied({ topics }: Kafka, admin: Admin, changes: Changes): Promise<boolean> {
  const states = await readTopics(admin, topics);
  return [...states].every(([topic, { config }]) =>
    (changes.get(topic.name) ?? []).every(([name, value]) => (config?.get(name) ?? value) === value),
  );
}

const topicResource = ConfigResourceTypes.TOPIC;
const setOperation = 0;

/**
 * IncrementalAlterConfigs, version 0 (KIP-339, Kafka 2.3). kafkajs has only AlterConfigs, which resets every setting that the
 * request does not name to its default.
 */
const incrementalAlterConfigs = (changes: Changes): RawRequest<void> => ({
  apiKey: 44,
  apiVersion: 0,
  apiName: 'IncrementalAlterConfigs',
  encode: (encoder) =>
    encoder
      .writeArray(
        [...changes].map(([topic, entries]) =>
          newEncoder()
            .writeInt8(topicResource)
            .writeString(topic)
            .writeArray(
              entries.map(([name, value]) => newEncoder().writeString(name).writeInt8(setOperation).writeString(value)),
            ),
        ),
      )
      // validate_only: false
      .writeBoolean(false),
  decode: (decoder) => {
    decoder.readInt32(); // throttle time
    const codes = decoder.readArray((one) => {
      const code = one.readInt16();
      one.readString(); // message
      one.readInt8(); // type
      one.readString(); // name
      return code;
    });
    for (const code of codes) throwOnError(code);
  },
});
