import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import { count, offset, time, type ValueOf } from '../runtime/shape.ts';
import { decodeOrNull } from '../schemas/codec.ts';
import { deadLetterReasons } from '../schemas/dead-letter-reasons.ts';
import type { MovieId, RawGenres, RawMovie } from '../schemas/records.ts';
import { idTopics, type Topics } from '../schemas/topics.ts';
import type { Letter, WholeLetter } from './store.ts';

const envelopeShape = z.object({
  id: z.string().describe("TOPIC/PARTITION/OFFSET of the record's first origin"),
  reason: z.enum(deadLetterReasons).describe('why it was parked'),
  message: z.string().describe('the reason in words'),
  attempts: count.describe('how often the stage tried'),
  replays: count.describe('how often it was sent back and parked again'),
  failedAt: time.describe('when it was parked'),
});

/** A dead letter in a list. */
export const listedLetterShape = z.object({
  ...envelopeShape.shape,
  movieId: count.nullable().describe("the record's movie; null if its key names none"),
  originTopic: z.string().describe('where the record came from'),
  originPartition: count.describe('its partition'),
  originOffset: offset.describe('its offset; for a batch, the first offset'),
  originLastOffset: offset.nullable().describe('the last offset of an unreadable batch; null for one record'),
  originTimestamp: time.describe("the record's own time"),
  bytes: count.nullable().describe('size of the value or batch; null for a tombstone'),
  sha256: z.string().nullable().describe('SHA-256 of the whole value, if the letter has only its beginning'),
});

/** The fields of the records that can be parked. */
const fieldsShape = z.object({
  movieId: z.int().optional().describe('the movie'),
  reason: z.string().optional().describe('why it was requested'),
  page: z.int().nullish().describe('page of the list that named it'),
  rank: z.int().nullish().describe('position on that page'),
  requestedAt: time.optional().describe('when it was requested'),
  language: z.string().optional().describe('language of the genre list'),
  sourceUrl: z.string().optional().describe('where the answer came from'),
  httpStatus: z.int().optional().describe('status of the answer'),
  fetchedAt: time.optional().describe('when it was fetched'),
});

/** A dead letter with all its information. */
export const shownLetterShape = z.object({
  ...envelopeShape.shape,
  state: z.enum(['open', 'closed']).describe('closed: it was sent back or purged'),
  writtenAt: time.describe("the record's own time"),
  key: z.string().nullable().describe("the record's key: as text if it is text, otherwise in hexadecimal digits"),
  bytes: count.nullable().describe('size of the value or batch; null for a tombstone'),
  sha256: z.string().nullable().describe('SHA-256 of the whole value, if the letter has only its beginning'),
  lastOffset: offset.nullable().describe('the last offset of an unreadable batch; null for one record'),
  fields: fieldsShape
    .nullable()
    .describe("the record's fields, those that its topic has, without documents; null if it cannot be decoded"),
  document: z.string().nullable().describe("TMDb's answer, if the record has one"),
  hex: z.string().nullable().describe('the beginning of a value that is not readable otherwise, in hexadecimal digits'),
});
export type ShownLetter = ValueOf<typeof shownLetterShape>;

/** The last offset of an unreadable batch; null if the letter has one record. */
const lastOffsetOf = ({ originOffset, originLastOffsetDelta }: Letter): bigint | null =>
  originLastOffsetDelta === null ? null : originOffset + BigInt(originLastOffsetDelta);

export const toListed = (letter: Letter): ValueOf<typeof listedLetterShape> => ({
  ...letter,
  originLastOffset: lastOffsetOf(letter),
  bytes: letter.valueBytes,
  sha256: letter.originValueSha256?.toString('hex') ?? null,
});

const shownBytes = 256;

export const toShown = (topics: Topics, letter: WholeLetter): ShownLetter => ({
  id: letter.id,
  state: letter.isOpen ? 'open' : 'closed',
  reason: letter.reason,
  message: letter.message,
  attempts: letter.attempts,
  replays: letter.replays,
  failedAt: letter.failedAt,
  writtenAt: letter.originTimestamp,
  key: letter.originKey && textOrHex(letter.originKey),
  bytes: letter.valueBytes,
  sha256: letter.originValueSha256?.toString('hex') ?? null,
  lastOffset: lastOffsetOf(letter),
  ...contentsOf(topics, letter),
});

type Contents = Pick<ShownLetter, 'fields' | 'document' | 'hex'>;

function contentsOf(topics: Topics, { originTopic, originValue }: WholeLetter): Contents {
  const nothing = { fields: null, document: null, hex: null };
  if (originValue === null) return nothing;
  const origin = [...idTopics(topics), topics.rawMovies, topics.rawGenres].find(({ name }) => name === originTopic);
  // null: the bytes are not a record of that topic.
  const decoded = origin ? decodeOrNull<MovieId | RawMovie | RawGenres>(origin.codec, originValue) : null;
  if (decoded === null) return { ...nothing, hex: hexOf(originValue) };
  if (!('body' in decoded)) return { ...nothing, fields: { ...decoded } };
  const { body, ...fields } = decoded;
  return isUtf8(body) ? { ...nothing, fields, document: body.toString() } : { ...nothing, fields, hex: hexOf(body) };
}

const hexOf = (bytes: Buffer): string => bytes.toString('hex', 0, shownBytes);

const textOrHex = (bytes: Buffer): string => (isUtf8(bytes) ? bytes.toString() : hexOf(bytes));
