import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeTopics, type TopicState, type TopicStates } from '../../../kafka/topic-preconditions.ts';
import { configOf, type TopicSettings } from '../../../kafka/topic-settings.ts';
import type { Topic } from '../../../schemas/topics.ts';
import { allTopics as all, topics } from '../../support/kafka/topics.ts';

const day = 86_400_000;
const settings: TopicSettings = { partitions: 4, replicationFactor: 3, rawRetentionMs: 180 * day, maxBodyBytes: 4e6 };
const { movieIds, rawMovies, rawGenres, deadLetters } = topics;
const compacted: readonly Topic[] = [movieIds, topics.movieIdsBackfill, topics.producerState];
const kept = [rawMovies, rawGenres, deadLetters];

/** Settings of a topic on the broker, besides those that we set. */
const brokerDefaults = {
  'retention.ms': String(7 * day),
  'retention.bytes': '-1',
  'max.compaction.lag.ms': '9223372036854775807',
  'unclean.leader.election.enable': 'true',
  'message.timestamp.type': 'CreateTime',
  'compression.type': 'producer',
  'segment.ms': '604800000',
};

const stateOf = (topic: Topic, changed: Readonly<Record<string, string>> = {}): TopicState => {
  const { partitions = '4', 'replication.factor': replicas = '3', ...config } = changed;
  return {
    partitions: Number(partitions),
    replicationFactor: Number(replicas),
    config: new Map(Object.entries({ ...brokerDefaults, ...configOf(topic, settings), ...config })),
  };
};

const cluster = (topic?: Topic, changed?: Readonly<Record<string, string>>): TopicStates =>
  new Map(all.map((each) => [each, stateOf(each, each === topic ? changed : {})]));

type Row = readonly [
  topics: readonly Topic[],
  setting: string,
  actual: string,
  verdict: 'refuse' | 'warn',
  fix: string | null,
  beside?: Readonly<Record<string, string>>,
];

/** Every way in which a topic can differ from the required settings, and the expected verdict. */
const rows: readonly Row[] = [
  [kept, 'cleanup.policy', 'compact', 'refuse', 'delete'],
  [kept, 'cleanup.policy', 'compact,delete', 'refuse', 'delete'],
  [kept, 'cleanup.policy', 'delete,compact', 'refuse', 'delete'],
  [compacted, 'cleanup.policy', 'delete', 'refuse', 'compact'],
  [compacted, 'cleanup.policy', 'compact,delete', 'refuse', 'compact'],
  [compacted, 'cleanup.policy', 'delete', 'warn', 'compact', { 'retention.ms': '-1' }],
  [compacted, 'cleanup.policy', 'delete', 'refuse', 'compact', { 'retention.ms': '-1', 'retention.bytes': '1000' }],
  [compacted, 'max.compaction.lag.ms', '9223372036854775807', 'warn', String(day)],
  [kept, 'segment.ms', String(7 * day), 'warn', String(day)],
  [kept, 'retention.ms', String(day), 'refuse', String(180 * day)],
  [kept, 'retention.ms', '0', 'refuse', String(180 * day)],
  [kept, 'retention.ms', String(7 * day - 1), 'refuse', String(180 * day)],
  [kept, 'retention.ms', String(7 * day), 'warn', String(180 * day)],
  [kept, 'retention.ms', String(181 * day), 'warn', null],
  [kept, 'retention.ms', '-1', 'warn', null],
  [kept, 'retention.bytes', '1000000', 'refuse', '-1'],
  [kept, 'retention.bytes', '0', 'refuse', '-1'],
  [kept, 'retention.bytes', '1000000000', 'warn', '-1'],
  [all, 'max.message.bytes', '1500', 'refuse', 'as created'],
  [kept, 'max.message.bytes', '4000000', 'refuse', 'as created'],
  [[deadLetters], 'max.message.bytes', '7999999', 'refuse', '8100000'],
  [all, 'partitions', '3', 'warn', 'by topic'],
  [all, 'partitions', '5', 'warn', null],
  [all, 'replication.factor', '2', 'warn', null, { 'min.insync.replicas': '1' }],
  [all, 'replication.factor', '1', 'warn', null, { 'min.insync.replicas': '1' }],
  [all, 'min.insync.replicas', '4', 'refuse', '2'],
  [all, 'min.insync.replicas', '2', 'refuse', '1', { 'replication.factor': '1' }],
  [all, 'min.insync.replicas', '3', 'warn', '2'],
  [all, 'min.insync.replicas', '1', 'warn', '2'],
  [all, 'unclean.leader.election.enable', 'true', 'warn', 'false'],
  [all, 'message.timestamp.type', 'LogAppendTime', 'warn', 'CreateTime'],
  [all, 'message.timestamp.after.max.ms', '9223372036854775807', 'warn', '3600000'],
  [all, 'compression.type', 'some-new-codec', 'refuse', 'producer'],
];

const fixOf = (topic: Topic, setting: string, fix: string | null): string | null => {
  if (fix === 'as created') return configOf(topic, settings)[setting] ?? '';
  if (fix === 'by topic') return compacted.includes(topic) ? null : '4';
  return fix;
};

describe('existing topics', () => {
  it('meet the preconditions when we create them, on a broker with its own defaults', () => {
    expect(judgeTopics(cluster(), settings)).toEqual([]);
  });

  it.each(
    rows.flatMap(([wrong, setting, actual, verdict, fix, beside]) =>
      wrong.map((topic) => ({
        topic,
        name: topic.name,
        setting,
        actual,
        verdict,
        fix: fixOf(topic, setting, fix),
        beside,
      })),
    ),
  )('[R82] $verdict: $name with $setting=$actual', ({ topic, setting, actual, verdict, fix, beside }) => {
    const findings = judgeTopics(cluster(topic, { ...beside, [setting]: actual }), settings);
    const finding = findings.find((one) => one.topic === topic.name && one.setting === setting);
    expect(finding).toMatchObject({ verdict, actual });
    const given = finding?.fix;
    expect(given?.kind === 'alter' ? given.value : (given?.partitions.toString() ?? null)).toBe(fix);
    expect(finding?.why.length).toBeGreaterThan(20);
    expect(finding?.remedy.length).toBeGreaterThan(10);
  });

  it('are refused if the dead letter topic cannot store the records of another topic, and corrected in one step', () => {
    for (const topic of [movieIds, rawMovies, rawGenres]) {
      const [finding, ...more] = judgeTopics(cluster(topic, { 'max.message.bytes': '20000000' }), settings);
      expect(more).toEqual([]);
      expect(finding).toMatchObject({
        topic: deadLetters.name,
        verdict: 'refuse',
        fix: { kind: 'alter', value: '20100000' },
      });
    }
  });

  it('[R82] meet the preconditions after the fix, whatever was wrong with them', () => {
    const wrong = fc.record(
      {
        'cleanup.policy': fc.constantFrom('compact', 'delete', 'compact,delete'),
        'retention.ms': fc.constantFrom('-1', '0', String(day), String(8 * day), String(400 * day)),
        'max.compaction.lag.ms': fc.constantFrom('1', '9223372036854775807'),
        'retention.bytes': fc.constantFrom('-1', '1000', '2000000000'),
        'max.message.bytes': fc.integer({ min: 100, max: 30_000_000 }).map(String),
        'min.insync.replicas': fc.integer({ min: 1, max: 5 }).map(String),
        partitions: fc.integer({ min: 1, max: 8 }).map(String),
        'replication.factor': fc.integer({ min: 1, max: 4 }).map(String),
        'unclean.leader.election.enable': fc.constantFrom('true', 'false'),
        'message.timestamp.type': fc.constantFrom('CreateTime', 'LogAppendTime'),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.array(wrong, { minLength: 4, maxLength: 4 }), (changes) => {
        const before = new Map<Topic, TopicState>(
          all.map((topic, index) => [topic, stateOf(topic, changes[index] ?? {})]),
        );
        const after = new Map(before);
        for (const { topic, setting, fix } of judgeTopics(before, settings)) {
          const [key, state] = [...after].find(([{ name }]) => name === topic) ?? [];
          if (!key || !state) throw new Error(`a finding about ${topic}`);
          const config = new Map(state.config);
          if (fix?.kind === 'alter') after.set(key, { ...state, config: config.set(setting, fix.value) });
          if (fix?.kind === 'add partitions') after.set(key, { ...state, partitions: fix.partitions });
        }
        const left = judgeTopics(after, settings);
        expect(left.filter(({ verdict, fix }) => verdict === 'refuse' || fix !== null)).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });

  it('keep an unsafe retention if KAFKA_RAW_RETENTION sets it', () => {
    const short = { ...settings, rawRetentionMs: day };
    const states = new Map(cluster());
    for (const topic of kept) states.set(topic, stateOf(topic, { 'retention.ms': String(day) }));
    expect(judgeTopics(states, short)).toEqual([]);
  });

  it('[R82] are unknown, with a warning, if we may not read their settings', () => {
    const states = new Map(cluster());
    states.set(rawMovies, { partitions: 4, replicationFactor: 3, config: null });
    expect(judgeTopics(states, settings)).toMatchObject([
      { topic: rawMovies.name, setting: 'settings', verdict: 'warn' },
    ]);
  });
});
