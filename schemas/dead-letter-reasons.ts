/** Why a record is parked. A new reason also needs a new version of `avro/dead-letter`, whose enumeration lists them. */
export const deadLetterReasons = [
  'undecodable_record',
  'attempts_exhausted',
  'unexpected_status',
  'unexpected_content_type',
  'body_too_large',
  'invalid_json',
  'unexpected_shape',
  'wrong_movie',
  'record_limits_exceeded',
  'unreadable_batch',
  'id_mismatch',
  'time_in_future',
] as const;
export type DeadLetterReason = (typeof deadLetterReasons)[number];
