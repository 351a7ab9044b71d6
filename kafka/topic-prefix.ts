import { z } from 'zod';
import { maxPrefixLength } from '../schemas/topics.ts';

/** What the names of topics and consumer groups begin with: characters that Kafka allows in the name of a topic. */
export const topicPrefix = z
  .string()
  .regex(/^[a-zA-Z0-9._-]*$/, 'expected only letters, digits, ".", "_" and "-", such as "staging."')
  .max(maxPrefixLength, `expected at most ${maxPrefixLength} characters`)
  .default('');
