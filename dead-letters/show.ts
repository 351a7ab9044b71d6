import { isUtf8 } from 'node:buffer';
import { decodeOrNull } from '../schemas/codec.ts';
import type { MovieId, RawGenres, RawMovie } from '../schemas/records.ts';
import type { Topics } from '../schemas/topics.ts';
import type { WholeLetter } from './store.ts';

/** A dead letter with all its information, ready to print. */
export interface ShownLetter {
  readonly id: string;
  readonly state: 'open' | 'closed';
  readonly reason: string;
  readonly message: string;
  readonly attempts: number;
  readonly replays: number;
  readonly failedAt: Date;
  readonly writtenAt: Date;
  /** As text if it is text, otherwise in hexadecimal digits. */
  readonly key: string | null;
  readonly bytes: number | null;
  /** SHA-256 of the whole value in hexadecimal digits, if the letter holds only its beginning. */
  readonly sha256: string | null;
  /** The last offset of an unreadable batch; null if the letter holds one record. */
  readonly lastOffset: string | null;
  /** The record's fields, decoded by its topic's codec, without documents; null if it cannot be decoded. */
  readonly fields: Readonly<Record<string, unknown>> | null;
  /** TMDb's answer, if the record has one. */
  readonly document: string | null;
  /** The beginning of a value that is not readable otherwise, in hexadecimal digits. */
  readonly hex: string | null;
}

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
  lastOffset:
    letter.originLastOffsetDelta === null ? null : String(letter.originOffset + BigInt(letter.originLastOffsetDelta)),
  ...contentsOf(topics, letter),
});

type Contents = Pick<ShownLetter, 'fields' | 'document' | 'hex'>;

function contentsOf({ movieIds, rawMovies, rawGenres }: Topics, { originTopic, originValue }: WholeLetter): Contents {
  const nothing = { fields: null, document: null, hex: null };
  if (originValue === null) return nothing;
  const origin = [movieIds, rawMovies, rawGenres].find(({ name }) => name === originTopic);
  // null: the bytes are not a record of that topic.
  const decoded = origin ? decodeOrNull<MovieId | RawMovie | RawGenres>(origin.codec, originValue) : null;
  if (decoded === null) return { ...nothing, hex: hexOf(originValue) };
  if (!('body' in decoded)) return { ...nothing, fields: { ...decoded } };
  const { body, ...fields } = decoded;
  return isUtf8(body) ? { ...nothing, fields, document: body.toString() } : { ...nothing, fields, hex: hexOf(body) };
}

const hexOf = (bytes: Buffer): string => bytes.toString('hex', 0, shownBytes);

const textOrHex = (bytes: Buffer): string => (isUtf8(bytes) ? bytes.toString() : hexOf(bytes));
