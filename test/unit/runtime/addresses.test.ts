import { describe, expect, it } from 'vitest';
import { addressesIn, bareHost, isLoopback, isPrivate } from '../../../runtime/addresses.ts';

describe('networks of addresses', () => {
  it.each([
    ['127.0.0.1', true, true],
    ['127.255.255.255', true, true],
    ['::1', true, true],
    ['0:0:0:0:0:0:0:1', true, true],
    ['::ffff:127.0.0.1', true, true],
    ['::ffff:7f00:1', true, true],
    ['10.0.0.1', false, true],
    ['fd12::1', false, true],
    ['126.255.255.255', false, false],
    ['128.0.0.0', false, false],
    ['::2', false, false],
    ['8.8.8.8', false, false],
    ['localhost', false, false],
    ['', false, false],
  ])('%s is loopback: %s, private: %s', (address, loopback, near) => {
    expect(isLoopback(address)).toBe(loopback);
    expect(isPrivate(address)).toBe(near);
  });

  it('have the given number of bits', () => {
    const isThere = addressesIn([['192.0.2.128', 25]]);
    expect(['192.0.2.127', '192.0.2.128', '192.0.2.255'].map(isThere)).toEqual([false, true, true]);
    expect(() => addressesIn([['192.0.2.0', 33]])).toThrow();
  });

  it.each([
    ['[::1]', '::1'],
    ['Example.ORG.', 'example.org'],
    ['10.0.0.1', '10.0.0.1'],
  ])('a host %s is %s without brackets and zone', (host, bare) => {
    expect(bareHost(host)).toBe(bare);
  });
});
