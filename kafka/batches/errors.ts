/** A batch of records cannot be decoded within our limits, or not at all. Never leaves this folder: the batch is parked. */
export class UnreadableBatchError extends Error {}
