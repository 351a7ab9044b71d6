/** Why a record, or a whole batch, cannot be handed out as it is. */
export interface Unusable {
  readonly reason: 'record_limits_exceeded' | 'undecodable_record' | 'unreadable_batch';
  /** For a person. */
  readonly message: string;
  /** The first offset that this covers; the last one is the record's own. */
  readonly firstOffset: bigint;
  /** Size and SHA-256 of the whole value (of a batch: of its bytes), when only the beginning is there; otherwise null. */
  readonly valueBytes: number | null;
  readonly valueSha256: Buffer | null;
}
