import { dayMs } from '../runtime/days.ts';
import { formatDuration } from '../runtime/units.ts';
import type { Topic } from '../schemas/topics.ts';
import {
  compactionBound,
  configOf,
  neededRecordBytes,
  reasonBytes,
  segmentMs,
  type TopicSettings,
  timestampBound,
  uncleanElection,
} from './topic-settings.ts';

/** The state of an existing topic. */
export interface TopicState {
  readonly partitions: number;
  /** The smallest number of replicas of any partition. */
  readonly replicationFactor: number;
  /** Its effective settings, including the broker's defaults; null if we may not read them. */
  readonly config: ReadonlyMap<string, string> | null;
}

export type TopicStates = ReadonlyMap<Topic, TopicState>;

/** `refuse`: records or their metadata would be lost, or nothing can be written. `warn`: less than guaranteed. */
type Verdict = 'refuse' | 'warn';

/** A precondition that does not hold. */
export interface TopicFinding {
  readonly topic: string;
  readonly setting: string;
  readonly verdict: Verdict;
  readonly actual: string;
  readonly wanted: string;
  /** The consequence. */
  readonly why: string;
  /** The remedy, for a person. */
  readonly remedy: string;
  /** How `topics --apply` corrects it; null if it cannot. */
  readonly fix: TopicFix | null;
}

type TopicFix =
  | { readonly kind: 'alter'; readonly value: string }
  | { readonly kind: 'add partitions'; readonly partitions: number };

/** The input of a check. */
interface Facts {
  readonly topic: Topic;
  readonly actual: string;
  readonly state: TopicState;
  readonly states: TopicStates;
  readonly settings: TopicSettings;
}

/** A problem. The correct value is the one that a topic is created with, unless the problem names another. */
interface Judgement {
  readonly verdict: Verdict;
  readonly why: string;
  readonly wanted?: string;
}

/** One row of the table: a precondition of a guarantee. */
interface Precondition {
  /** Kafka's name of the setting, or `partitions` or `replication.factor`. */
  readonly setting: string;
  readonly appliesTo: (topic: Topic) => boolean;
  /** null: the precondition holds. */
  readonly judge: (facts: Facts) => Judgement | null;
  /** The action of `topics --apply`. @default sets the setting */
  readonly fix?: (facts: Facts) => TopicFix | null;
}

const all = () => true;
const expiring = ({ cleanup }: Topic) => cleanup === 'delete';
const compacted = ({ cleanup }: Topic) => cleanup === 'compact';
const holdingRecords = ({ content }: Topic) => content === 'record';

/** Below this, an outage of the loader over a weekend loses records. A lower KAFKA_RAW_RETENTION accepts that. */
const safeRetentionMs = 7 * dayMs;
/** For one partition: about two days at TMDb's limit. */
const safeRetentionBytes = 1_000_000_000;
const noLimit = -1;

const refuse = (why: string, wanted?: string): Judgement => ({ verdict: 'refuse', why, ...(wanted && { wanted }) });
const warn = (why: string, wanted?: string): Judgement => ({ verdict: 'warn', why, ...(wanted && { wanted }) });

const configured = ({ state }: Facts, name: string): number | undefined => {
  const value = state.config?.get(name);
  return value === undefined ? undefined : Number(value);
};

/** All preconditions that our guarantees have for topics, in the order of the findings. */
const preconditions: readonly Precondition[] = [
  {
    setting: 'cleanup.policy',
    appliesTo: expiring,
    judge: ({ actual }) =>
      actual.includes('compact') // mutant: topics.compacted-as-well
        ? refuse('compaction removes records that may not have been loaded or handled yet')
        : null,
  },
  {
    setting: 'cleanup.policy',
    appliesTo: compacted,
    judge: (facts) => {
      if (facts.actual === 'compact') return null;
      const forever = ['retention.ms', 'retention.bytes'].every((name) => configured(facts, name) === noLimit);
      return facts.actual.includes('delete') && !forever
        ? refuse('ids go by age: those that were not fetched by then are lost, and the others are forgotten')
        : warn('the topic keeps every record of every movie and only grows');
    },
  },
  {
    setting: compactionBound,
    appliesTo: compacted,
    judge: ({ actual, topic, settings }) =>
      Number(actual) > Number(configOf(topic, settings)[compactionBound])
        ? warn('older records of a movie stay for long, and each start of a producer reads them')
        : null,
  },
  {
    setting: 'retention.ms',
    appliesTo: expiring,
    judge: ({ actual, settings: { rawRetentionMs } }) => {
      const ms = Number(actual);
      if (ms === rawRetentionMs) return null;
      const lasts = ms === noLimit ? 'for ever' : `for ${formatDuration(ms)}`;
      const why = `records are kept ${lasts}, where KAFKA_RAW_RETENTION says ${formatDuration(rawRetentionMs)}`;
      const isShort = ms !== noLimit && ms < Math.min(rawRetentionMs, safeRetentionMs); // mutant: topics.short-retention
      return isShort ? refuse(`${why}: what is not loaded by then is lost`) : warn(why);
    },
    // Shortening it would delete records at once, so a person has to do it.
    fix: ({ actual, settings: { rawRetentionMs } }) =>
      Number(actual) !== noLimit && Number(actual) < rawRetentionMs // mutant: topics.longer-retention
        ? { kind: 'alter', value: String(rawRetentionMs) }
        : null,
  },
  {
    setting: 'segment.ms',
    appliesTo: expiring,
    judge: ({ actual }) =>
      Number(actual) > segmentMs // mutant: topics.long-segments
        ? warn(`Kafka keeps answers for up to ${formatDuration(Number(actual))} longer than KAFKA_RAW_RETENTION says`)
        : null,
  },
  {
    setting: 'retention.bytes',
    appliesTo: expiring,
    judge: ({ actual }) => {
      const limit = Number(actual);
      if (limit === noLimit) return null;
      const why = 'records go when a partition is larger than that, whatever KAFKA_RAW_RETENTION says';
      return limit < safeRetentionBytes ? refuse(why) : warn(why);
    },
  },
  {
    setting: 'max.message.bytes',
    appliesTo: holdingRecords,
    judge: ({ actual, topic, states, settings }) => {
      const largest = Math.max(
        ...[...states.keys()].map((other) => (other === topic ? 0 : sizeOf(other, states, settings))),
      );
      const wanted = Math.max(largest + reasonBytes, Number(configOf(topic, settings)['max.message.bytes']));
      return Number(actual) < largest
        ? refuse('a record that another topic takes does not fit here: it could not be parked', String(wanted))
        : null;
    },
  },
  {
    setting: 'max.message.bytes',
    appliesTo: all,
    judge: ({ actual, topic, settings }) =>
      Number(actual) < neededRecordBytes(topic, settings)
        ? refuse('records of the size that TMDB_MAX_BODY lets in do not fit: they would be parked or end the stage')
        : null,
  },
  {
    setting: 'partitions',
    appliesTo: all,
    judge: ({ topic, actual, settings: { partitions } }) => {
      if (Number(actual) === partitions) return null;
      if (Number(actual) > partitions) return warn('there are more than KAFKA_PARTITIONS says', String(partitions));
      const keys = compacted(topic) ? ': the keys of a compacted topic cannot move to new partitions' : '';
      return warn(`fewer consumers than KAFKA_PARTITIONS says can share the work${keys}`, String(partitions));
    },
    fix: ({ topic, actual, settings: { partitions } }) =>
      !compacted(topic) && Number(actual) < partitions ? { kind: 'add partitions', partitions } : null,
  },
  {
    setting: 'replication.factor',
    appliesTo: all,
    judge: ({ actual, settings: { replicationFactor } }) =>
      Number(actual) < replicationFactor
        ? warn('fewer brokers may fail than KAFKA_REPLICATION says before records are lost', String(replicationFactor))
        : null,
    fix: () => null,
  },
  {
    setting: 'min.insync.replicas',
    appliesTo: all,
    judge: ({ actual, state: { replicationFactor: replicas }, settings, topic }) => {
      if (Number(actual) > replicas) {
        return refuse(`nothing can be written: there are ${replicas} replicas`, String(Math.max(1, replicas - 1)));
      }
      if (replicas > 1 && Number(actual) === replicas) {
        return warn('one broker that is down stops all writing', String(replicas - 1));
      }
      const wanted = Math.min(Number(configOf(topic, settings)['min.insync.replicas']), Math.max(1, replicas - 1));
      return Number(actual) < wanted
        ? warn('a record may be acknowledged that only one broker has', String(wanted))
        : null;
    },
  },
  {
    setting: uncleanElection,
    appliesTo: all,
    judge: ({ actual, state }) =>
      actual === 'true' && state.replicationFactor > 1
        ? warn('a replica that lags may become the leader: acknowledged records would be lost')
        : null,
  },
  {
    setting: 'message.timestamp.type',
    appliesTo: all,
    judge: ({ actual }) =>
      actual === 'CreateTime'
        ? null
        : warn('times are those of the broker: a replay by --since and --until selects by them', 'CreateTime'),
  },
  {
    setting: timestampBound,
    appliesTo: all,
    judge: ({ actual, topic, settings }) =>
      Number(actual) > Number(configOf(topic, settings)[timestampBound])
        ? warn('Kafka takes records whose time is in the future; they are refused only when they are read')
        : null,
  },
  {
    setting: 'compression.type',
    appliesTo: all,
    judge: ({ actual }) =>
      readable.includes(actual)
        ? null
        : refuse('the broker compresses records in a way that we cannot read', 'producer'),
  },
];

/** The largest record that the topic accepts once it is corrected; 0 if unknown. */
function sizeOf(topic: Topic, states: TopicStates, settings: TopicSettings): number {
  const actual = Number(states.get(topic)?.config?.get('max.message.bytes') ?? 0);
  const isTooSmall = actual > 0 && actual < neededRecordBytes(topic, settings);
  return isTooSmall ? Number(configOf(topic, settings)['max.message.bytes']) : actual;
}

/** `producer` keeps the compression of the writer. */
const readable = ['producer', 'uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'];

/** All violated preconditions of existing topics; those that would lose records come first. */
export function judgeTopics(states: TopicStates, settings: TopicSettings): readonly TopicFinding[] {
  const findings = [...states].flatMap(([topic, state]) => findingsOf(topic, state, states, settings));
  return findings.toSorted((a, b) => Number(b.verdict === 'refuse') - Number(a.verdict === 'refuse'));
}

function findingsOf(topic: Topic, state: TopicState, states: TopicStates, settings: TopicSettings): TopicFinding[] {
  const unknown = state.config === null ? [unreadable(topic)] : [];
  const judged = preconditions
    .filter((precondition) => precondition.appliesTo(topic))
    .flatMap((precondition) => {
      const actual = actualOf(state, precondition.setting);
      if (actual === undefined) return [];
      const finding = judgeOne(precondition, { topic, actual, state, states, settings });
      return finding ? [finding] : [];
    });
  // Two rows may concern one setting: only the first is reported.
  return [...unknown, ...judged].filter(
    ({ setting }, index, list) => list.findIndex((other) => other.setting === setting) === index,
  );
}

function actualOf({ partitions, replicationFactor, config }: TopicState, setting: string): string | undefined {
  if (setting === 'partitions') return String(partitions);
  if (setting === 'replication.factor') return String(replicationFactor);
  return config?.get(setting);
}

function judgeOne(precondition: Precondition, facts: Facts): TopicFinding | null {
  const judgement = precondition.judge(facts);
  if (judgement === null) return null;
  const { setting } = precondition;
  const { topic, actual, settings } = facts;
  const wanted = judgement.wanted ?? configOf(topic, settings)[setting] ?? '';
  const fix = precondition.fix ? precondition.fix(facts) : ({ kind: 'alter', value: wanted } as const);
  const { verdict, why } = judgement;
  return { topic: topic.name, setting, verdict, actual, wanted, why, remedy: remedyOf(facts, setting, fix), fix };
}

/** Names `kafka-configs` too, because our Kafka user may lack the right to alter topics. */
function remedyOf({ topic, actual }: Facts, setting: string, fix: TopicFix | null): string {
  if (fix?.kind === 'alter') {
    const byHand = `kafka-configs --alter --entity-type topics --entity-name ${topic.name} --add-config ${setting}=${fix.value}`;
    return `topics --apply (or ${byHand})`;
  }
  if (fix?.kind === 'add partitions') {
    return `topics --apply (or kafka-topics --alter --topic ${topic.name} --partitions ${fix.partitions})`;
  }
  if (setting === 'replication.factor') return 'add replicas with kafka-reassign-partitions, or set KAFKA_REPLICATION';
  if (setting === 'retention.ms')
    return 'set KAFKA_RAW_RETENTION to the intended value, or shorten it by hand with kafka-configs';
  return `set KAFKA_PARTITIONS=${actual}; or let the consumers drain, delete the topic, and run topics --apply`;
}

const unreadable = ({ name: topic }: Topic): TopicFinding => ({
  ...{ topic, setting: 'settings', verdict: 'warn', actual: 'unknown', wanted: 'readable', fix: null },
  why: 'KAFKA_USERNAME may not read the settings of the topic, so nothing is known of them',
  remedy: 'allow DescribeConfigs on the topic, and let a user with that right run "doctor"',
});

/** One line for a person. */
export const lineOf = ({ topic, setting, actual, wanted, why, remedy }: TopicFinding): string =>
  `${topic}: ${setting} is ${actual}, expected ${wanted}: ${why}. ${remedy}`;
