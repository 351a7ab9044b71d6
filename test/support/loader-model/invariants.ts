import type { DeadLetter } from '../../../schemas/records.ts';
import type { Batch } from '../../../warehouse/warehouse.ts';
import type { Content, Partition } from './topic-log.ts';
import type { World } from './world.ts';

/** The outcome of a record. */
const fateOf: Record<Content, 'row' | 'nothing' | DeadLetter['reason']> = {
  good: 'row',
  hole: 'nothing',
  null: 'undecodable_record',
  undecodable: 'undecodable_record',
  foreign: 'id_mismatch',
  future: 'time_in_future',
  torn: 'invalid_json',
};

/**
 * The invariants, checked against the contents of the topics. The batches of a partition are adjacent up to its position. Each
 * batch has the good records of its offsets, once, and nothing else. Dead letters contain exactly the bad records below the
 * position, with their reasons. The offsets committed to Kafka never exceed those of the ledger.
 * @throws Error that names the broken invariant.
 */
export async function assertInvariants(world: World): Promise<void> {
  const parked = new Set(world.deadLetters.values.map(assertIsBad(world)));
  for (const partition of world.log.partitions) {
    const position = await world.position(partition);
    assertBatches(world, partition, position);
    assertParkedBelow(world, partition, position ?? 0n, parked);
    const hint = world.hints.get(partition.join('/')) ?? 0n;
    assert(
      hint <= (position ?? 0n),
      `the offset committed to Kafka is ${hint}, the ledger is at ${position}`,
      partition,
    );
  }
  const [died] = world.deaths;
  if (died !== undefined) throw died;
}

/** Checks after the faults, when a loader has reached the end, that nothing is left. @throws Error */
export async function assertComplete(world: World): Promise<void> {
  await assertInvariants(world);
  for (const partition of world.log.partitions) {
    const end = world.log.end(...partition);
    const position = (await world.position(partition)) ?? 0n;
    assert(position === end, `the ledger is at ${position}, the topic ends at ${end}`, partition);
  }
}

function assertBatches(world: World, partition: Partition, position: bigint | undefined): void {
  const batches = batchesOf(world, partition);
  const contents = world.log.contents(partition);
  // If the topic begins with holes, the ledger may begin after them.
  const first = contents.findIndex((content) => content !== 'hole');
  let expected = batches[0]?.firstOffset ?? position;
  assert((expected ?? 0n) <= BigInt(first < 0 ? contents.length : first), 'the first records are missing', partition);
  for (const { firstOffset, nextOffset, rows } of batches) {
    assert(firstOffset === expected, `a batch begins at ${firstOffset}, not at ${expected}`, partition);
    expected = nextOffset;
    const good = offsetsOf(contents, firstOffset, nextOffset, (content) => fateOf[content] === 'row');
    const loaded = rows.map(({ kafkaOffset }) => kafkaOffset);
    assert(String(loaded) === String(good), `${firstOffset} to ${nextOffset} has ${loaded}, not ${good}`, partition);
  }
  assert(expected === position, `the batches end at ${expected}, the position is ${position}`, partition);
}

function assertParkedBelow(world: World, partition: Partition, position: bigint, parked: ReadonlySet<string>): void {
  const isBad = (content: Content) => fateOf[content] !== 'row' && fateOf[content] !== 'nothing';
  for (const offset of offsetsOf(world.log.contents(partition), 0n, position, isBad)) {
    const isParked = parked.has([...partition, offset].join('/'));
    assert(isParked, `the position ${position} passed ${offset}, which is not parked`, partition);
  }
}

/** @returns its origin. */
const assertIsBad =
  (world: World) =>
  (letter: DeadLetter): string => {
    const partition = world.log.partitions.find(([t, p]) => t === letter.originTopic && p === letter.originPartition);
    const content = partition && world.log.contents(partition)[Number(letter.originOffset)];
    const origin = [letter.originTopic, letter.originPartition, letter.originOffset].join('/');
    assert(content !== undefined && fateOf[content] === letter.reason, `${content} was parked as ${letter.reason}`, [
      origin,
    ]);
    return origin;
  };

const batchesOf = ({ warehouse }: World, [topic, number]: Partition): Batch[] =>
  warehouse.batches.filter(({ partition }) => partition.topic === topic && partition.partition === number);

function offsetsOf(contents: readonly Content[], from: bigint, to: bigint, matches: (content: Content) => boolean) {
  return contents.flatMap((content, index) => (index >= from && index < to && matches(content) ? [BigInt(index)] : []));
}

function assert(isTrue: boolean, broken: string, where: readonly unknown[]): asserts isTrue {
  if (!isTrue) throw new Error(`${where.join('/')}: ${broken}`);
}
