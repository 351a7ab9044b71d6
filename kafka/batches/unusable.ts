/** Why a record, or a whole batch, cannot be delivered unchanged. */
export interface Unusable {
  readonly reason: 'record_limits_exceeded' | 'undecodable_record' | 'unreadable_batch';
  /** For a person. */
  readonly message: string;
  /** The first offset that this covers; the last one is the record's own. */
  readonly firstOffset: bigint;
  /** Size and SHA-256 of the whole value (for a batch: of its bytes) if only the beginning is kept; otherwise null. */
  readonly valueBytes: number | null;
  readonly valueSha256: Buffer | null;
}
