import { createPrivateKey, X509Certificate } from 'node:crypto';
import { orNull } from '../runtime/or-null.ts';
import type { Secret } from '../runtime/secret.ts';
import type { ClientCertificate, KafkaLogin } from './access.ts';

/** The settings of the login. */
interface Login {
  readonly mechanism: KafkaLogin['mechanism'];
  readonly username: string | undefined;
  readonly password: Secret | undefined;
  readonly tokenUrl: string | undefined;
  readonly clientId: string | undefined;
  readonly clientSecret: Secret | undefined;
  readonly scope: string | undefined;
}

/** The settings of TLS. */
interface Tls {
  readonly ssl: boolean;
  readonly clientCert: Secret | undefined;
  readonly clientKey: Secret | undefined;
}

/** Settings of the login and of the certificate of this client that contradict each other or are incomplete. */
export function* loginMistakes(given: Login & Tls): Generator<readonly [property: string, message: string]> {
  const { mechanism, username, password, tokenUrl, clientId, clientSecret, scope, ssl, clientCert, clientKey } = given;
  if (Boolean(username) !== Boolean(password)) yield ['username', 'set KAFKA_USERNAME and KAFKA_PASSWORD, or neither'];
  if (mechanism === 'oauthbearer') {
    const needed = { tokenUrl, clientId, clientSecret };
    for (const [property, value] of Object.entries(needed)) {
      if (value === undefined) yield [property, 'needed with KAFKA_SASL_MECHANISM=oauthbearer'];
    }
    if (username) yield ['username', 'not used with KAFKA_SASL_MECHANISM=oauthbearer: remove it and KAFKA_PASSWORD'];
  } else {
    for (const [property, value] of Object.entries({ tokenUrl, clientId, clientSecret, scope })) {
      if (value !== undefined)
        yield [property, 'used only with KAFKA_SASL_MECHANISM=oauthbearer: set it, or remove this'];
    }
  }
  if (Boolean(clientCert) !== Boolean(clientKey))
    yield ['clientCert', 'set KAFKA_CLIENT_CERT and KAFKA_CLIENT_KEY, or neither'];
  if (clientCert && !ssl) yield ['clientCert', 'needs KAFKA_SSL=true'];
}

/** The login that the settings name, if they have no mistakes. */
export function loginOf({
  mechanism,
  username,
  password,
  tokenUrl,
  clientId,
  clientSecret,
  scope,
}: Login): KafkaLogin | undefined {
  if (mechanism !== 'oauthbearer') return username && password ? { mechanism, username, password } : undefined;
  return tokenUrl && clientId && clientSecret ? { mechanism, tokenUrl, clientId, clientSecret, scope } : undefined;
}

/** The certificate and its key. @param onMistake receives why they cannot be used; it never quotes the key. */
export function certificateOf(
  certificate: Secret | undefined,
  key: Secret | undefined,
  onMistake: (property: 'clientCert' | 'clientKey', message: string) => void,
): ClientCertificate | undefined {
  if (certificate === undefined || key === undefined) return undefined;
  const cert = certificate.reveal();
  const parsed = orNull(() => new X509Certificate(cert));
  const privateKey = orNull(() => createPrivateKey(key.reveal()));
  if (parsed === null) onMistake('clientCert', 'it is not a certificate in PEM');
  if (privateKey === null) onMistake('clientKey', 'it is not a private key in PEM without a passphrase');
  if (parsed === null || privateKey === null) return undefined;
  if (parsed.checkPrivateKey(privateKey)) return { cert, key };
  onMistake('clientKey', 'the key does not match the certificate in KAFKA_CLIENT_CERT');
  return undefined;
}
