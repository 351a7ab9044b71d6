import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { Secret } from '../../runtime/secret.ts';
import { writePrivate } from '../../runtime/write-private.ts';
import { BrokerError } from '../errors.ts';

/** What clients of a local broker log in with, by SASL/PLAIN. */
export interface BrokerCredentials {
  readonly mechanism: 'plain';
  readonly username: string;
  readonly password: Secret;
}

const Stored = z.object({ username: z.string().min(1), password: z.string().min(1) });

const fileIn = (dataDir: string): string => join(dataDir, 'credentials.json');

/**
 * New random credentials, in a file that only this user can read. Each start of a broker has its own: if another user takes the port of
 * a broker that died, the password that clients still send there opens nothing.
 * @param dataDir the broker's folder, which the caller has claimed.
 */
export function createCredentials(dataDir: string): BrokerCredentials {
  const username = 'tmdb-stream';
  const password = randomBytes(32).toString('base64url');
  writePrivate(fileIn(dataDir), JSON.stringify({ username, password }));
  return { mechanism: 'plain', username, password: new Secret(password) };
}

/** The credentials of the broker that runs on `dataDir`. @throws BrokerError if they are missing or this user may not read them. */
export function readCredentials(dataDir: string): BrokerCredentials {
  const file = fileIn(dataDir);
  try {
    const { username, password } = Stored.parse(JSON.parse(readFileSync(file, 'utf8')));
    return { mechanism: 'plain', username, password: new Secret(password) };
  } catch (error) {
    const { code = 'not readable' } = error as NodeJS.ErrnoException;
    throw new BrokerError(
      `a broker runs on ${dataDir}, but its credentials in ${file} cannot be used (${code}): run as the user who started it, or end it`,
      { cause: error },
    );
  }
}

/** For a broker that has ended: no client needs them. */
export const removeCredentials = (dataDir: string): void => rmSync(fileIn(dataDir), { force: true });
