import type { Offsets, PartitionHandler, PartitionSource } from '../../../kafka/topic.ts';
import { memoryTopicId } from '../kafka/memory-partition-source.ts';
import type { TopicLog } from './topic-log.ts';

/** A partition while it is assigned. */
interface Assigned {
  readonly topic: string;
  readonly partition: number;
  /** null until the ledger has returned it. */
  next: bigint | null;
  /** Whether the handler is processing a chunk. */
  isBusy: boolean;
}

/**
 * The source of one member. The test decides which partitions are assigned and revoked, and which records are delivered. Apart
 * from that, it keeps a source's contract: the chunks of an assignment are contiguous, from the given position on.
 */
export class ScriptedSource implements PartitionSource {
  readonly #log: TopicLog;
  readonly #tell: (topic: string, next: Offsets) => Promise<void>;
  readonly #assigned = new Map<string, Assigned>();
  readonly #failed = Promise.withResolvers<never>();
  readonly #working = new Set<Promise<void>>();
  #handler: PartitionHandler | undefined;
  #signal: AbortSignal | undefined;

  /** @param tell is called for each commit. */
  constructor(log: TopicLog, tell: (topic: string, next: Offsets) => Promise<void>) {
    this.#log = log;
    this.#tell = tell;
  }

  /** Like the real source, it ends when the chunks in flight are finished. */
  async run(handler: PartitionHandler, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    this.#handler = handler;
    this.#signal = signal;
    const aborted = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([aborted, this.#failed.promise]);
    await Promise.race([Promise.all(this.#working), this.#failed.promise]);
  }

  commit(topic: string, next: Offsets): Promise<void> {
    return this.#tell(topic, next);
  }

  /** Whether the handler is processing a chunk of this partition. */
  isBusy(topic: string, partition: number): boolean {
    return this.#assigned.get(`${topic}/${partition}`)?.isBusy ?? false;
  }

  assign(topic: string, partition: number): void {
    const assigned: Assigned = { topic, partition, next: null, isBusy: false };
    this.#assigned.set(`${topic}/${partition}`, assigned);
    this.#do(async (handler) => {
      assigned.next = (await handler.position(topic, partition, memoryTopicId)) ?? 0n;
    });
  }

  revoke(topic: string, partition: number): void {
    this.#assigned.delete(`${topic}/${partition}`);
    this.#handler?.revoked(topic, partition);
  }

  /** The partitions whose next chunk could be delivered. */
  ready(): Assigned[] {
    if (!this.#handler || this.#signal?.aborted) return [];
    return [...this.#assigned.values()].filter(
      ({ topic, partition, next, isBusy }) => !isBusy && next !== null && next < this.#log.end(topic, partition),
    );
  }

  /** Delivers the records among the next `offsets` offsets. */
  hand(assigned: Assigned, offsets: number): void {
    const chunk = this.#log.read(assigned.topic, assigned.partition, assigned.next ?? 0n, offsets);
    assigned.next = chunk.next;
    assigned.isBusy = true;
    this.#do(async (handler) => {
      await handler.records(chunk);
      assigned.isBusy = false;
    });
  }

  #do(work: (handler: PartitionHandler) => Promise<void>): void {
    if (!this.#handler) return;
    const working = work(this.#handler)
      .catch(this.#failed.reject)
      .finally(() => this.#working.delete(working));
    this.#working.add(working);
  }
}
