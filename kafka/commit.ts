/** What a group has done of one partition: every offset below `offset`, and beyond it those in `ahead`. */
export interface Commit {
  readonly offset: bigint;
  readonly ahead: ReadonlySet<bigint>;
}

const prefix = 'ahead:';
/** Kafka takes 4,096 bytes of metadata as a standard; in base64 this many offsets beyond the first fit well into it. */
const maxSpan = 16_000;

/**
 * The offsets done ahead as a commit's metadata: one bit each, beginning with the commit's own offset, in base64. What
 * lies too far ahead is left out: it is done again when somebody else goes on from here.
 */
export function toMetadata({ offset, ahead }: Commit): string {
  const places = [...ahead].map((done) => Number(done - offset)).filter((place) => place >= 0 && place < maxSpan);
  if (places.length === 0) return '';
  const bits = Buffer.alloc(Math.floor(Math.max(...places) / 8) + 1);
  for (const place of places) bits[place >> 3] = (bits[place >> 3] ?? 0) | (1 << (place & 7));
  return prefix + bits.toString('base64');
}

/** The other way round. Metadata that others wrote says nothing. */
export function toCommit(offset: bigint, metadata: string | null): Commit {
  const ahead = new Set<bigint>();
  if (metadata?.startsWith(prefix)) {
    const bits = Buffer.from(metadata.slice(prefix.length), 'base64');
    bits.forEach((byte, index) => {
      for (let bit = 0; bit < 8; bit += 1) {
        if (byte & (1 << bit)) ahead.add(offset + BigInt(index * 8 + bit));
      }
    });
  }
  return { offset, ahead };
}
