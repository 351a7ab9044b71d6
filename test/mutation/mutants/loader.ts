import type { Mutant } from '../mutant.ts';

const model = { files: ['test/unit/consumers/bronze-loader-model.test.ts'] };
const loader = 'consumers/bronze-loader.ts';

/** The loader among chaos: what must fail is the model. */
export const loaderMutants: readonly Mutant[] = [
  {
    name: 'loader: Kafka is told before the rows are in',
    file: loader,
    find: 'const loaded = await this.#append(taken);',
    replace: 'await this.#hint(taken); const loaded = await this.#append(taken);',
    tests: model,
  },
  {
    name: 'loader: rows that somebody else has loaded are loaded again',
    file: loader,
    find: 'keepOffsets(one, (offset) => offset >= position)',
    replace: 'keepOffsets(one, () => true)',
    tests: model,
  },
  {
    name: 'loader: behind somebody else, one row too many is left out',
    file: loader,
    find: 'keepOffsets(one, (offset) => offset >= position)',
    replace: 'keepOffsets(one, (offset) => offset > position)',
    tests: model,
  },
  {
    name: 'loader: behind somebody else, the whole batch is left out',
    file: loader,
    find: 'if (position >= one.nextOffset) return [];',
    replace: 'return [];',
    tests: model,
  },
  {
    name: 'loader: when one partition is fenced, the others of the flush are left out',
    file: loader,
    find: 'if (one.partition.topic !== topic || one.partition.partition !== partition) return [one];',
    replace: 'if (one.partition.topic !== topic || one.partition.partition !== partition) return [];',
    tests: model,
  },
  {
    name: 'loader: a fence is taken for success',
    file: loader,
    find: 'pending = await this.#realign(pending, error);',
    replace: 'return pending;',
    tests: model,
  },
  {
    name: 'loader: the position passes undecodable records before they are parked',
    file: loader,
    find: 'if (unreadable.length > 0) await this.#park(unreadable);',
    replace: 'if (unreadable.length > 0) void this.#park(unreadable).catch(() => {});',
    tests: model,
  },
  {
    name: 'loader: the position passes invalid rows before they are parked',
    file: loader,
    find: '    await this.#park(unreadable);\n    return pending.map',
    replace: '    void this.#park(unreadable).catch(() => {});\n    return pending.map',
    tests: model,
  },
  {
    name: 'loader: good rows at the offset of an invalid one are parked with it',
    file: loader,
    find: 'const addressOf = (topic: string, partition: number, offset: bigint) =>',
    replace: 'const addressOf = (topic: string, _: number, offset: bigint, partition = 0) =>',
    tests: model,
  },
  {
    name: 'loader: records of a revoked partition are kept',
    file: loader,
    find: 'this.#collected.drop({ topic, partition });',
    replace: '',
    tests: model,
  },
  {
    name: 'loader: records in hand when their partition was revoked are collected',
    file: loader,
    find: 'if (!assigned || this.#assigned.get(key) !== assigned) return;',
    replace: 'if (!assigned) return;',
    tests: model,
  },
  {
    name: 'loader: a late answer to an earlier assignment takes the place of that to a later one',
    file: loader,
    find: 'assigned.next = positions.get(partition) ?? null;',
    replace: 'assigned.next = positions.get(partition) ?? null; this.#assigned.set(keyOf(topic, partition), assigned);',
    tests: model,
  },
  {
    name: 'loader: flushes do not wait for one another',
    file: loader,
    find: 'this.#flushing = before.then(() => this.#flushCollected());',
    replace: 'this.#flushing = this.#flushCollected();',
    tests: model,
  },
  {
    name: 'loader: fenced while the warehouse does not answer, it dies',
    file: loader,
    find: '(await this.#positions(error.partition))',
    replace: '(await this.#ports.warehouse.positions(error.partition))',
    tests: model,
  },
  {
    name: 'loader: it ends one offset early',
    file: loader,
    find: '(offsetOf(keyOf(topic, partition)) ?? 0n) >= end',
    replace: '(offsetOf(keyOf(topic, partition)) ?? 0n) >= end - 1n',
    tests: model,
  },
  {
    name: 'loader: a batch ends where its first piece did',
    file: 'consumers/micro-batches.ts',
    find: 'filling.nextOffset = nextOffset;',
    replace: '',
    tests: model,
  },
  {
    name: 'loader: what is collected when it is told to stop is left',
    file: loader,
    find: `    await this.#startFlush();
    await this.#flushing;`,
    replace: '    await this.#flushing;',
    tests: { files: ['test/unit/consumers/bronze-loader.test.ts'] },
  },
];
