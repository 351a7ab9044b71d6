import type { Secret } from '../runtime/secret.ts';

/** Where a cluster is, and how clients log in. */
export interface KafkaAccess {
  /** `host:port` of some brokers; they name the others. */
  readonly brokers: readonly string[];
  readonly sasl: KafkaLogin | undefined;
}

export interface KafkaLogin {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  readonly password: Secret;
}
