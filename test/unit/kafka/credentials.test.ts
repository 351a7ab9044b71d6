import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCredentials, readCredentials, removeCredentials } from '../../../kafka/broker/credentials.ts';
import { BrokerError } from '../../../kafka/errors.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-credentials-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the credentials of a local broker', () => {
  it('are random, private to this user, and read by processes that join the broker', () => {
    const first = createCredentials(folder);
    const second = createCredentials(folder);
    expect(second.password.reveal()).not.toBe(first.password.reveal());
    expect(readCredentials(folder).password.reveal()).toBe(second.password.reveal());
    expect(statSync(join(folder, 'credentials.json')).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['are missing', () => removeCredentials(folder), 'ENOENT'],
    ['are incomplete', () => writeFileSync(join(folder, 'credentials.json'), '{"username":'), 'not readable'],
  ])('are refused in one line if they %s', (_, damage, reason) => {
    const { password } = createCredentials(folder);
    damage();
    const read = () => readCredentials(folder);
    expect(read).toThrow(BrokerError);
    expect(read).toThrow(
      new RegExp(`^a broker runs on ${folder}, but its credentials in .* cannot be used \\(${reason}\\)`),
    );
    expect(read).not.toThrow(password.reveal());
  });
});
