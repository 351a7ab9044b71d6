import { createHash, createPublicKey } from 'node:crypto';
import { messageOf, UsageError } from '../../../runtime/errors.ts';
import { orNull } from '../../../runtime/or-null.ts';
import { readSmallFile } from '../../../runtime/path-settings.ts';

/** The public half of a service's key pair, which may be shown. */
export interface PublicKey {
  /** The value of `RSA_PUBLIC_KEY`: the PEM without its first and last line. */
  readonly text: string;
  /** The form of DESCRIBE USER: `SHA256:` and the hash in base64. */
  readonly fingerprint: string;
}

/** Snowflake accepts no shorter ones. */
const minBits = 2_048;

/**
 * Reads a public key of openssl. No message quotes the file or its name: the file may contain the private key by mistake.
 * @param setting the option, such as `--loader-key`. @throws UsageError.
 */
export function readPublicKey(file: string, setting: string): PublicKey {
  let pem: string;
  try {
    pem = readSmallFile(file);
  } catch (error) {
    throw new UsageError(`${setting}: ${messageOf(error)}`);
  }
  return parsePublicKey(pem, setting);
}

/** @throws UsageError if the text is not a public RSA key in PEM. */
export function parsePublicKey(pem: string, setting: string): PublicKey {
  // Node would accept a private key, and derive the public one.
  if (/PRIVATE KEY/i.test(pem)) {
    throw new UsageError(
      `${setting}: this is a PRIVATE key, which only the service itself may have. It was not sent anywhere. ` +
        'To get its public key: openssl rsa -in PRIVATE.p8 -pubout -out PUBLIC.pub',
    );
  }
  const key = /BEGIN (RSA )?PUBLIC KEY/.test(pem) ? orNull(() => createPublicKey(pem)) : null;
  const bits = key?.asymmetricKeyDetails?.modulusLength ?? 0;
  if (key?.asymmetricKeyType !== 'rsa') {
    throw new UsageError(`${setting}: this is not an RSA public key in PEM format ("-----BEGIN PUBLIC KEY-----")`);
  }
  if (bits < minBits)
    throw new UsageError(`${setting}: this key has ${bits} bits; Snowflake requires ${minBits} or more`);
  const der = key.export({ type: 'spki', format: 'der' });
  const fingerprint = `SHA256:${createHash('sha256').update(der).digest('base64')}`;
  return { text: der.toString('base64'), fingerprint };
}
