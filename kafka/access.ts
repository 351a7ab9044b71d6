import type { Secret } from '../runtime/secret.ts';

/** Where a cluster is, and how clients log in. */
export interface KafkaAccess {
  /** `host:port` of some brokers; they name the others. */
  readonly brokers: readonly string[];
  readonly sasl: KafkaLogin | undefined;
}

export type KafkaLogin = PasswordLogin | OAuthLogin;

interface PasswordLogin {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  readonly password: Secret;
}

/** The login by a token, which a server gives for the credentials of this client. */
export interface OAuthLogin {
  readonly mechanism: 'oauthbearer';
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: Secret;
  readonly scope: string | undefined;
}

/** Identifies this client in TLS, as PEM. */
export interface ClientCertificate {
  /** With the certificates of the authorities between it and one that the broker trusts. */
  readonly cert: string;
  readonly key: Secret;
}
