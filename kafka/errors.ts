import { ExitCode, IngestError, messageOf } from '../runtime/errors.ts';
import { identityHint, isIdentityError } from '../runtime/tls-identity.ts';

/** Kafka was out of reach or refused a request, after the attempts of the client. */
export class KafkaError extends IngestError {
  readonly code = 'kafka_unavailable';
  readonly retriable = true;
}

/** Kafka refused the login or the right, or its certificate is not valid. A person must correct the settings. */
class KafkaRefusedError extends IngestError {
  readonly code = 'credentials_refused';
  readonly retriable = false;
  override readonly exitCode = ExitCode.credentialsRefused;
}

/** Kafka no longer has records that were never loaded, or the topic is not the one of the ledger. A person must decide. */
export class GapError extends IngestError {
  readonly code = 'records_lost';
  readonly retriable = false;
}

/** The offsets of a group cannot be moved, because it has members: they would continue from their own offsets. */
export class GroupInUseError extends IngestError {
  readonly code = 'group_in_use';
  readonly retriable = false;

  /** @param members their names, if they are known. */
  constructor(group: string, members: readonly string[], options?: ErrorOptions) {
    const names = members.length > 0 ? ` (${members.join(', ')})` : '';
    super(
      `group ${group} has members${names}: end them first. A killed process is a member until KAFKA_SESSION_TIMEOUT has passed`,
      options,
    );
  }
}

/** One record is too large for its topic; all others were or can be written. */
export class RecordTooLargeError extends IngestError {
  readonly code = 'record_unusable';
  readonly retriable = false;
}

/** A failure of this client that another attempt can resolve. */
export class TransientError extends Error {}

/** No token for the login: its server refuses this client, or cannot identify itself. A person must correct the settings. */
export class OAuthRefusedError extends Error {
  override readonly name = 'OAuthRefusedError';
  readonly retriable = false;
}

/** The schema registry refuses this client, or cannot identify itself. A person must correct the settings. */
export class RegistryLoginError extends Error {
  override readonly name = 'RegistryLoginError';
  readonly retriable = false;
}

/** The schema registry does not accept one of our schemas: a person must correct its rules, or remove another schema. */
export class SchemaRefusedError extends IngestError {
  readonly code = 'schema_refused';
  readonly retriable = false;
}

/** The local broker does not start or does not stop. */
export class BrokerError extends IngestError {
  readonly code = 'broker_failed';
  readonly retriable = false;
}

/** The error as a KafkaError or KafkaRefusedError that names the action; an IngestError stays as it is. */
export const asKafkaError = (doing: string, error: unknown): IngestError =>
  error instanceof IngestError ? error : toKafkaError(doing, error);

/** Converts errors of kafkajs; other errors stay as they are. */
export const fromKafkajs = (doing: string, error: unknown): unknown =>
  error instanceof Error && error.name.startsWith('KafkaJS') ? toKafkaError(doing, error) : error;

/** KafkaRefusedError if no further attempt helps, else KafkaError. */
function toKafkaError(doing: string, error: unknown): IngestError {
  const message = `${doing} failed: ${messagesOf(error)}`;
  const remedy = remedyOf(error);
  if (remedy === null) return new KafkaError(message + doubtOf(error), { cause: error });
  return new KafkaRefusedError(`${message}: ${remedy}`, { cause: error });
}

/** kafkajs throws several errors in one if it asked for several topics. */
export const partsOf = (error: unknown): readonly unknown[] =>
  error instanceof Error && 'errors' in error && Array.isArray(error.errors) ? error.errors : [];

const messagesOf = (error: unknown): string =>
  [error, ...partsOf(error)]
    .map((part) => messageOf(part).trim())
    .filter((text, index, all) => all.indexOf(text) === index)
    .join('; ');

/** kafkajs drops the reason. Because it retries if the coordinator is not available yet, the reason is mostly the ACL. */
function doubtOf(error: unknown): string {
  if (protocolErrorOf(error) === 'INVALID_TIMESTAMP')
    return " (this machine's clock is more than an hour ahead of Kafka's)";
  const isNotFound = error instanceof Error && error.name === 'KafkaJSGroupCoordinatorNotFound';
  return isNotFound ? ' (or this Kafka user has no ACL for the group)' : '';
}

/** Names of refusals in kafkajs or Kafka, and what a person can do about them. */
const remedies: readonly (readonly [name: RegExp, remedy: string])[] = [
  [
    /OAuthRefused/,
    'check KAFKA_OAUTH_TOKEN_URL, KAFKA_OAUTH_CLIENT_ID, KAFKA_OAUTH_CLIENT_SECRET and KAFKA_OAUTH_SCOPE',
  ],
  [/RegistryLogin/, 'check SCHEMA_REGISTRY_URL, SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD, and its rights'],
  [
    /SASLAuthentication|SASL_MECHANISM$/,
    'check KAFKA_USERNAME, KAFKA_PASSWORD and KAFKA_SASL_MECHANISM; with oauthbearer, whether the brokers accept the token',
  ],
  [/_AUTHORIZATION_FAILED$/, 'this Kafka user has no ACL for it'],
];

/** null if the error is not a refusal. */
function remedyOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  const { name, code, type } = error as Error & { readonly code?: unknown; readonly type?: unknown };
  if (isIdentityError(code)) return identityHint;
  if (isClientRefused(code))
    return 'the brokers want a client certificate that they trust: check KAFKA_CLIENT_CERT and KAFKA_CLIENT_KEY';
  const known = remedies.find(([names]) => names.test(name) || names.test(String(type)));
  if (known) return known[1];
  return [error.cause, ...partsOf(error)].map(remedyOf).find((remedy) => remedy !== null) ?? null;
}

/** Whether the broker ended TLS because of this client's certificate. Some brokers only close the connection. */
const isClientRefused = (code: unknown): boolean => /^ERR_SSL_.*ALERT_.*CERTIFICATE/.test(String(code));

/** Errors of Kafka that kafkajs does not retry, but that are transient: the coordinator moves, or the group rebalances. */
const transient = new Set([
  'REBALANCE_IN_PROGRESS',
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
  'NOT_COORDINATOR_FOR_GROUP',
  'GROUP_LOAD_IN_PROGRESS',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
]);

/** Whether Kafka refused a commit because the group has members and the commit is not from one of them. */
export const isGroupInUse = (error: unknown): boolean =>
  ['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'REBALANCE_IN_PROGRESS'].includes(protocolErrorOf(error) ?? '');

/** Some brokers do not know a topic that was just created; a topic that does not exist stays unknown. */
export const isUnknownTopic = (error: unknown): boolean => protocolErrorOf(error) === 'UNKNOWN_TOPIC_OR_PARTITION';

/**
 * Whether the error is transient: no broker answers, the broker stopped or is no longer the leader, or the group rebalances.
 * Internal errors of kafkajs count too: it fails in many ways while it loses its brokers, and a new client works.
 */
export function isOutage(error: unknown): boolean {
  if (error instanceof TransientError) return true;
  if (!(error instanceof Error) || error instanceof IngestError || remedyOf(error) !== null) return false;
  const parts = partsOf(error);
  if (parts.length > 0) return parts.every(isOutage);
  const type = protocolErrorOf(error);
  if (type !== null) return transient.has(type) || isRetriableInKafka(error);
  return isMistakeOfKafkajs(error) || (error.name.startsWith('KafkaJS') && error.name !== 'KafkaJSNotImplemented');
}

/** A request that finds no metadata, because the brokers were just lost, ends in a TypeError in kafkajs. */
const isMistakeOfKafkajs = (error: Error): boolean =>
  error instanceof TypeError && /^\s+at .*[\\/]kafkajs[\\/]src[\\/]/m.test(error.stack?.split('\n')[1] ?? '');

/** The name in kafkajs's table of Kafka's errors, also if kafkajs wrapped the error in others. */
function isRetriableInKafka(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (!('type' in error) || typeof error.type !== 'string') return isRetriableInKafka(error.cause);
  return 'retriable' in error && error.retriable === true;
}

/** Kafka's name of the error, such as `MESSAGE_TOO_LARGE`, also if kafkajs wrapped it; null if it has none. */
export function protocolErrorOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  return 'type' in error && typeof error.type === 'string' ? error.type : protocolErrorOf(error.cause);
}
