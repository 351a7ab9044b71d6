import fc from 'fast-check';
import { settle } from '../clock/manual-clock.ts';
import type { Content } from './topic-log.ts';
import type { Call, Fate } from './wire.ts';
import type { Loader, LoaderSettings, World } from './world.ts';

/** The next event. `which` selects among the candidates of that moment, modulo their number. */
type Step =
  | { readonly does: 'call'; readonly which: number; readonly fate: Fate }
  | { readonly does: 'hand'; readonly which: number; readonly offsets: number }
  | { readonly does: 'produce'; readonly which: number; readonly contents: readonly Content[] }
  | ({ readonly does: 'start' } & LoaderSettings)
  | { readonly does: 'kill' | 'drain'; readonly which: number }
  | Rebalance
  | { readonly does: 'wait'; readonly which: number; readonly ms: number };

interface Rebalance {
  readonly does: 'assign' | 'revoke';
  readonly which: number;
  readonly partition: number;
}

const which = fc.nat(100);
const contents = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.constant<Content>('good') },
    { weight: 4, arbitrary: fc.constantFrom<Content>('undecodable', 'foreign', 'future', 'null', 'torn', 'hole') },
  ),
  { minLength: 1, maxLength: 8 },
);
const fate = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom<Fate>('goes through', 'continues') },
  { weight: 3, arbitrary: fc.constantFrom<Fate>('fails unseen', 'is refused') },
);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 50, arbitrary: fc.record({ does: fc.constant('call' as const), which, fate }) },
  {
    weight: 24,
    arbitrary: fc.record({ does: fc.constant('hand' as const), which, offsets: fc.integer({ min: 1, max: 6 }) }),
  },
  { weight: 8, arbitrary: fc.record({ does: fc.constant('produce' as const), which, contents }) },
  {
    weight: 8,
    arbitrary: fc.record({ does: fc.constant('wait' as const), which, ms: fc.constantFrom(250, 1_000, 5_000) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      does: fc.constant('start' as const),
      maxRows: fc.integer({ min: 1, max: 12 }),
      endsByItself: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ does: fc.constantFrom('assign' as const, 'revoke' as const), which, partition: which }),
  },
  { weight: 3, arbitrary: fc.record({ does: fc.constantFrom('kill' as const, 'drain' as const), which }) },
);

/** A raw topic is not compacted: it begins with a record. */
const beginning = contents.filter(([first]) => first !== 'hole');

/** The events, starting with the first records and the first loader. */
export const histories: fc.Arbitrary<readonly Step[]> = fc
  .tuple(fc.tuple(beginning, beginning, beginning), fc.array(step, { maxLength: 150, size: 'max' }))
  .map(([first, later]) => [
    ...first.map((entries, index): Step => ({ does: 'produce', which: index, contents: entries })),
    { does: 'start', maxRows: 6, endsByItself: false },
    ...later,
  ]);

const mostLoaders = 4;

/** How often each kind of fault occurred. */
export type Faults = Map<string, number>;

/** Takes the step, if it is possible, and lets all processes react. */
export async function take(world: World, next: Step, faults: Faults): Promise<void> {
  const count = (fault: string) => faults.set(fault, (faults.get(fault) ?? 0) + 1);
  if (next.does === 'wait') await pick(world.loaders, next.which)?.clock.advance(next.ms);
  else carryOut(world, next, count);
  await settle();
}

type Count = (fault: string) => void;

function carryOut(world: World, next: Exclude<Step, { does: 'wait' }>, count: Count): void {
  switch (next.does) {
    case 'call':
      meet(world, next.which, next.fate, count);
      break;
    case 'hand':
      hand(world, next.which, next.offsets);
      break;
    case 'produce':
      world.log.append(pickOf(world.log.partitions, next.which), next.contents);
      break;
    case 'start':
      if (world.loaders.length < mostLoaders) world.start(next);
      break;
    case 'kill':
      kill(world, pick(world.loaders, next.which), count);
      break;
    case 'drain':
      pick(world.loaders, next.which)?.stop.abort();
      break;
    case 'assign':
    case 'revoke':
      rebalance(world, next, count);
      break;
  }
}

const pick = <T>(from: readonly T[], which: number): T | undefined => from[which % from.length];

const pickOf = <T>(from: readonly T[], which: number): T => pick(from, which) as T;

const momentOf = ({ tookEffect }: Call) => (tookEffect ? 'after it took effect' : 'before it took effect');

function meet(world: World, which: number, fate: Fate, count: Count): void {
  const call = pick(world.wire.calls, which);
  if (!call) return;
  const isFault = fate === 'fails unseen' || fate === 'is refused';
  if (isFault && !call.isLate) count(`${call.port} ${fate} ${momentOf(call)}`);
  if (!isFault && call.isLate && !call.tookEffect) count(`${call.port} takes effect late`);
  world.wire.meet(call, fate);
}

function hand(world: World, which: number, offsets: number): void {
  const ready = world.loaders.flatMap(({ source }) => source.ready().map((assigned) => ({ source, assigned })));
  const one = pick(ready, which);
  one?.source.hand(one.assigned, offsets);
}

function kill(world: World, loader: Loader | undefined, count: Count): void {
  if (!loader) return;
  for (const call of world.wire.calls) if (call.sender === loader) count(`killed in ${call.port} ${momentOf(call)}`);
  world.kill(loader);
}

/** As with Kafka, the position of a partition that is assigned again without a revocation is requested again. */
function rebalance(world: World, next: Rebalance, count: Count): void {
  const loader = pick(world.loaders, next.which);
  if (!loader) return;
  const partition = pickOf(world.log.partitions, next.partition);
  if (loader.source.isBusy(...partition)) count(`${next.does} with records in hand`);
  if (next.does === 'assign') loader.source.assign(...partition);
  else loader.source.revoke(...partition);
}

/**
 * Ends the faults: all calls on their way arrive, and one more loader reaches the end of all partitions.
 * @throws Error if it does not.
 */
export async function calmDown(world: World): Promise<void> {
  const last = world.start({ maxRows: 5, endsByItself: true });
  await settle();
  await continueUntil(world, () => !last.isAlive);
  for (const { stop } of world.loaders) stop.abort();
  await continueUntil(world, () => world.loaders.length === 0 && world.wire.calls.length === 0);
}

async function continueUntil(world: World, hasEnded: () => boolean): Promise<void> {
  for (let round = 0; !hasEnded(); round += 1) {
    if (round > 1_000) throw new Error('the loaders make no progress');
    for (const call of [...world.wire.calls]) world.wire.meet(call, 'goes through');
    await settle();
    for (const { source } of world.loaders) for (const assigned of source.ready()) source.hand(assigned, 4);
    await settle();
    for (const { clock } of world.loaders) await clock.advance(1_000);
  }
}
