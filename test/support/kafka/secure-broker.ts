import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startLocalBroker } from '../../../kafka/broker/local-broker.ts';
import { serverProperties } from '../../../kafka/broker/properties.ts';
import { freePorts } from '../../../runtime/free-ports.ts';
import { jarsDir } from './broker-setup.ts';
import type { Certificate } from './certificates.ts';

export interface SecureBroker extends AsyncDisposable {
  /** `localhost:port`: the certificate must contain this name. */
  readonly address: string;
  /** The same broker, by an address that the certificate need not contain. */
  readonly addressByNumber: string;
  /** Its listener for clients with a certificate of the same authority, without a password: mTLS. */
  readonly addressOfCertificates: string;
  /** Its listener for OAUTHBEARER. It accepts unsigned tokens, whose `sub` is the user. */
  readonly addressOfTokens: string;
}

/**
 * A real broker that admits only clients with TLS and a password (SCRAM, both lengths), a certificate or a token, and allows a user only
 * what the ACLs permit; `admin` may do everything. @param authority PEM of the authority of the clients' certificates.
 */
export async function startSecureBroker(
  dataDir: string,
  certificate: Certificate,
  users: Readonly<Record<string, string>>,
  authority: string,
): Promise<SecureBroker> {
  const [secure, inside, controller, mutual, tokens] = await freePorts(5);
  const pem = join(dataDir, 'broker.pem');
  const authorityPem = join(dataDir, 'authority.pem');
  const properties = {
    'controller.quorum.voters': `1@127.0.0.1:${controller}`,
    listeners: [
      `SECURE://127.0.0.1:${secure},INSIDE://127.0.0.1:${inside},CONTROLLER://127.0.0.1:${controller}`,
      `MUTUAL://127.0.0.1:${mutual},TOKENS://127.0.0.1:${tokens}`,
    ].join(),
    'advertised.listeners': [
      `SECURE://localhost:${secure},INSIDE://127.0.0.1:${inside}`,
      `MUTUAL://localhost:${mutual},TOKENS://localhost:${tokens}`,
    ].join(),
    'listener.security.protocol.map':
      'SECURE:SASL_SSL,INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT,MUTUAL:SSL,TOKENS:SASL_SSL',
    'inter.broker.listener.name': 'INSIDE',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': pem,
    'sasl.enabled.mechanisms': 'SCRAM-SHA-256,SCRAM-SHA-512',
    'listener.name.mutual.ssl.client.auth': 'required',
    'listener.name.mutual.ssl.truststore.type': 'PEM',
    'listener.name.mutual.ssl.truststore.location': authorityPem,
    'listener.name.tokens.sasl.enabled.mechanisms': 'OAUTHBEARER',
    'listener.name.tokens.oauthbearer.sasl.jaas.config':
      'org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";',
    ...Object.fromEntries(
      ['scram-sha-256', 'scram-sha-512'].map((mechanism) => [
        `listener.name.secure.${mechanism}.sasl.jaas.config`,
        'org.apache.kafka.common.security.scram.ScramLoginModule required;',
      ]),
    ),
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    // For the broker itself, on the listener that is not advertised to clients.
    'super.users': 'User:ANONYMOUS;User:admin;User:CN=admin',
  };
  await mkdir(dataDir, { recursive: true });
  await writeFile(pem, certificate.key + certificate.cert, { mode: 0o600 });
  await writeFile(authorityPem, authority);
  await format(dataDir, properties, users);
  const broker = await startLocalBroker({ dataDir, jarsDir, properties, isOpen: true });
  return {
    address: `localhost:${secure}`,
    addressByNumber: `127.0.0.1:${secure}`,
    addressOfCertificates: `localhost:${mutual}`,
    addressOfTokens: `localhost:${tokens}`,
    [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose](),
  };
}

/** As the broker's normal start, but creates the users, which must exist before the first login. */
async function format(
  dataDir: string,
  properties: Readonly<Record<string, string>>,
  users: Readonly<Record<string, string>>,
): Promise<void> {
  const file = join(dataDir, 'format.properties');
  await writeFile(file, serverProperties(join(dataDir, 'log'), { client: 1, controller: 2 }, properties));
  const passwords = Object.entries(users).flatMap(([name, password]) =>
    ['256', '512'].flatMap((bits) => ['--add-scram', `SCRAM-SHA-${bits}=[name=${name},password=${password}]`]),
  );
  const clusterId = `--cluster-id=${randomBytes(16).toString('base64url')}`;
  const tool = ['-XX:TieredStopAtLevel=1', '-cp', join(jarsDir, '*'), 'kafka.tools.StorageTool', 'format'];
  await promisify(execFile)('java', [...tool, clusterId, '--config', file, ...passwords]);
}
