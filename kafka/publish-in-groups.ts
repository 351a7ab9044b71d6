import type { ProducerRecord, Sink } from './topic.ts';

/** Few enough that a signal takes effect soon, and that their objects are a small part of the memory. */
const groupSize = 500;

/**
 * Publishes a record for each item, in groups that follow one another.
 * @param recordsOf makes the records of a group, when the group is published. @param onPublished called with the size of each group.
 * @throws the reason of the signal before a group, and the errors of the sink: the groups before are published.
 */
export async function publishInGroups<Item, T>(
  sink: Sink<T>,
  items: readonly Item[],
  recordsOf: (group: readonly Item[]) => readonly ProducerRecord<T>[],
  { signal, onPublished }: { readonly signal: AbortSignal; readonly onPublished?: (records: number) => void },
): Promise<void> {
  for (let from = 0; from < items.length; from += groupSize) {
    signal.throwIfAborted();
    const group = items.slice(from, from + groupSize);
    await sink.publish(recordsOf(group));
    onPublished?.(group.length);
  }
}
