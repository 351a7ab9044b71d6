import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { topicNames } from '../schemas/topic-names.ts';

/**
 * Names under which unfinished replays are kept. Deployments with different prefixes can share a warehouse or a data folder, so the
 * names differ by topic. Without a prefix they are those of older versions, which had no prefix.
 */

/** The backfill of a selection of a raw topic: the same replay has the same name. */
export const nameOfBackfill = (topic: string, selectionText: string): string =>
  hashOf(topic === topicNames.rawMovies ? selectionText : `${topic} ${selectionText}`);

/** The path of the journal of the replay of ids. A hash stands for the topic, whose name can be longer than that of a file. */
export const journalOf = (dataDir: string, topic: string): string =>
  join(dataDir, topic === topicNames.movieIds ? 'replay-ids.json' : `replay-ids-${hashOf(topic)}.json`);

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12);
