import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** A server's certificate and its private key, as PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

interface Validity {
  readonly from: Date;
  readonly to: Date;
}

/** A certificate authority of a test: only clients that are configured for it trust it. */
export interface Authority {
  readonly cert: string;
  /** @param names host names that the certificate is for. */
  issue(names: readonly string[], validity?: Validity): Certificate;
}

const dayMs = 86_400_000;
const today = (): Validity => ({ from: new Date(Date.now() - dayMs), to: new Date(Date.now() + dayMs) });

/** Built byte by byte (RFC 5280), so that a test needs no other program and can choose any dates. */
export function createAuthority(name: string): Authority {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuer = { name, key: keys.privateKey };
  const isAuthority = extension('551d13', sequence(der(0x01, Buffer.from([0xff]))));
  return {
    cert: certificate(issuer, { name, key: keys.publicKey, extension: isAuthority, validity: today() }),
    issue: (names, validity = today()) => {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const subject = { name: names[0] ?? '', key: publicKey, extension: namesExtension(names), validity };
      return {
        cert: certificate(issuer, subject),
        key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      };
    },
  };
}

/** A value in DER: tag, length, content. Java encodes a certificate again before it checks the signature, so the length has no leading zeros. */
function der(tag: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const long = body.length < 0x100 ? [0x81, body.length] : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...(body.length < 0x80 ? [body.length] : long)]), body]);
}

const sequence = (...content: readonly Buffer[]) => der(0x30, ...content);
const objectId = (hex: string) => der(0x06, Buffer.from(hex, 'hex'));
const extension = (id: string, value: Buffer) => sequence(objectId(id), der(0x04, value));
/** Its first byte is the number of unused bits at the end: 0. */
const bits = (value: Buffer) => der(0x03, Buffer.from([0]), value);
const commonName = (name: string) => sequence(der(0x31, sequence(objectId('550403'), der(0x0c, Buffer.from(name)))));
const time = (at: Date) => der(0x17, Buffer.from(`${at.toISOString().replace(/\D/g, '').slice(2, 14)}Z`));

const namesExtension = (names: readonly string[]) =>
  extension('551d11', sequence(...names.map((name) => der(0x82, Buffer.from(name)))));

const ecdsaWithSha256 = sequence(objectId('2a8648ce3d040302'));

function certificate(
  issuer: { readonly name: string; readonly key: KeyObject },
  subject: {
    readonly name: string;
    readonly key: KeyObject;
    readonly extension: Buffer;
    readonly validity: Validity;
  },
): string {
  const serial = Buffer.concat([Buffer.from([1]), randomBytes(8)]);
  const toBeSigned = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, serial),
    ecdsaWithSha256,
    commonName(issuer.name),
    sequence(time(subject.validity.from), time(subject.validity.to)),
    commonName(subject.name),
    subject.key.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(subject.extension)),
  );
  const whole = sequence(toBeSigned, ecdsaWithSha256, bits(sign('sha256', toBeSigned, issuer.key)));
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
