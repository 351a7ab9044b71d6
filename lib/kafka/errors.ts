import { IngestError, messageOf } from '../errors.ts';

/** Kafka could not be reached or refused, after the client's own attempts. */
export class KafkaError extends IngestError {
  readonly retriable = true;
}

/** Records that were never loaded are gone, or the topic is not the one the ledger knows. A person has to decide. */
export class GapError extends IngestError {
  readonly retriable = false;
}

/** One record is too large for its topic; all others were or can be written. */
export class RecordTooLargeError extends IngestError {
  readonly retriable = false;
}

/** The broker that we run ourselves does not start or does not stop. */
export class BrokerError extends IngestError {
  readonly retriable = false;
}

/** Runs `action`, and turns what it throws into a KafkaError that says what we were doing. */
export async function kafkaCall<T>(doing: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw error instanceof IngestError ? error : toKafkaError(doing, error);
  }
}

/** What kafkajs threw as our own error; everybody else's errors keep their meaning. */
export const fromKafkajs = (doing: string, error: unknown): unknown =>
  error instanceof Error && error.name.startsWith('KafkaJS') ? toKafkaError(doing, error) : error;

const toKafkaError = (doing: string, error: unknown): KafkaError =>
  new KafkaError(`${doing} failed: ${messageOf(error)}`, { cause: error });

/** Kafka's own name of the error (`MESSAGE_TOO_LARGE`) within whatever kafkajs wrapped around it; null without one. */
export function protocolErrorOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  return 'type' in error && typeof error.type === 'string' ? error.type : protocolErrorOf(error.cause);
}
