import type { ProducerRecord, Sink } from '../../../kafka/topic.ts';

/** A sink in memory: keeps the published records, in order. */
export class MemorySink<T> implements Sink<T> {
  readonly records: ProducerRecord<T>[] = [];

  async publish(records: readonly ProducerRecord<T>[]): Promise<void> {
    this.records.push(...records);
  }

  get values(): T[] {
    return this.records.map((record) => record.value);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
