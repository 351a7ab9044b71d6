/**
 * Codes of Node and OpenSSL for a certificate that does not identify the requested server: another
 * name, an unknown authority, expired, revoked. Other connection failures have other codes.
 */
const codes =
  /^(?:ERR_TLS_CERT_|CERT_|UNABLE_TO_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH)/;

/** Whether TLS failed because of the server's identity, which no retry changes. */
export const isIdentityError = (code: unknown): boolean => typeof code === 'string' && codes.test(code);

/** What the user can do about it. */
export const identityHint =
  "check the address, this machine's clock and what stands in between; an authority of your own goes into NODE_EXTRA_CA_CERTS";
