// Network addresses that an image.url may reach.
import { describe, expect, test } from 'vitest';
import { AddressGuard } from '../../../src/api/core/address-guard.js';

describe('without admitted networks', () => {
  const guard = new AddressGuard();

  test.each([
    '1.1.1.1',
    '8.8.8.8',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '126.255.255.255',
    '128.0.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '192.167.255.255',
    '192.169.0.0',
    '223.255.255.255',
    '2606:4700:4700::1111',
    '2a00:1450:4001:80b::200e',
  ])('%s is admitted', (address) => {
    expect(guard.admits(address)).toBe(true);
  });

  test.each([
    '0.0.0.0',
    '0.255.255.255',
    '10.0.0.0',
    '10.255.255.255',
    '100.64.0.0',
    '100.127.255.255',
    '127.0.0.1',
    '127.255.255.255',
    '169.254.169.254',
    '172.16.0.0',
    '172.31.255.255',
    '192.0.0.1',
    '192.0.2.1',
    '192.88.99.1',
    '192.168.0.0',
    '192.168.255.255',
    '198.18.0.0',
    '198.19.255.255',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '239.255.255.255',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::7f00:1',
    '::ffff:127.0.0.1',
    '::ffff:8.8.8.8',
    '64:ff9b::8.8.8.8',
    '100::1',
    '1fff::1',
    '2001::1',
    '2001:10::1',
    '2001:db8::1',
    '2002:7f00:1::',
    '3fff::1',
    '4000::1',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1',
    'fe80::1%eth0',
    'fec0::1',
    'ff02::1',
    'localhost',
    '127.1',
    '',
  ])('%j is refused', (address) => {
    expect(guard.admits(address)).toBe(false);
  });
});

test('admitted networks are admitted, and nothing beside them', () => {
  const guard = new AddressGuard(['192.168.1.20/32', '10.1.0.0/16', 'fd00:1::/32']);
  const admitted = ['192.168.1.20', '10.1.0.0', '10.1.255.255', 'fd00:1::20', '8.8.8.8'];
  const refused = ['192.168.1.21', '10.2.0.0', 'fd00:2::20', '127.0.0.1', '::ffff:10.2.0.0'];
  expect(admitted.filter((address) => !guard.admits(address))).toEqual([]);
  expect(refused.filter((address) => guard.admits(address))).toEqual([]);
});
