import { parseSkip, type Skip } from '../kafka/batches/skip.ts';
import { list } from '../runtime/config-fields.ts';

/** Offsets of Kafka to be parked unseen. */
export const skips = list
  .transform((texts, context): readonly Skip[] =>
    texts.flatMap((text) => {
      const skip = parseSkip(text);
      if (skip) return [skip];
      const message = `expected TOPIC/PARTITION/OFFSET or TOPIC/PARTITION/FIRST-LAST, got "${text}"`;
      context.addIssue({ code: 'custom', message });
      return [];
    }),
  )
  .prefault('');
