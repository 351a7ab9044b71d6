import { createHash } from 'node:crypto';
import type { Sink } from '../kafka/topic.ts';
import { scrub } from '../runtime/scrub.ts';
import type { Secret } from '../runtime/secret.ts';
import type { DeadLetter } from '../schemas/records.ts';
import type { RawTopics } from '../schemas/topics.ts';

export interface LetterRules {
  /** Removed from messages, which may quote foreign text. */
  readonly secrets: readonly Secret[];
  readonly topics: RawTopics;
  /** A letter about an older answer (ms) does not hold its document, which Kafka would keep for too long. */
  readonly maxAnswerAgeMs: number;
}

/** Changes letters by these rules before it writes them to `letters`. */
export const deadLetterSink = (letters: Sink<DeadLetter>, rules: LetterRules): Sink<DeadLetter> => ({
  publish: (records) =>
    letters.publish(
      records.map(({ value, ...record }) => ({ ...record, value: withoutOldAnswer(scrubbed(value, rules), rules) })),
    ),
  [Symbol.asyncDispose]: () => letters[Symbol.asyncDispose](),
});

const scrubbed = (letter: DeadLetter, { secrets }: LetterRules): DeadLetter => ({
  ...letter,
  message: scrub(letter.message, secrets),
});

/** Size and hash of the document stay, and the letter says where the record is until Kafka deletes it. */
function withoutOldAnswer(letter: DeadLetter, { topics, maxAnswerAgeMs }: LetterRules): DeadLetter {
  const { originTopic, originValue, originTimestamp, failedAt } = letter;
  const isAnswer = originTopic === topics.rawMovies.name || originTopic === topics.rawGenres.name;
  const ageMs = failedAt.getTime() - originTimestamp.getTime();
  if (!isAnswer || originValue === null || ageMs <= maxAnswerAgeMs) return letter; // mutant: dead-letters.old-answer
  return {
    ...letter,
    originValue: Buffer.alloc(0),
    originValueBytes: letter.originValueBytes ?? originValue.length,
    originValueSha256: letter.originValueSha256 ?? createHash('sha256').update(originValue).digest(),
  };
}
