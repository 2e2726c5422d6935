// The comparison of the registries of keys with the audit log: what somebody did to a registry without Lintel shows.
import { describe, expect, it } from 'vitest';
import { KeyCheck, type ListedKey } from '../../src/audit/key-check.js';
import type { AuditAction } from '../../src/domain/audit.js';

const ID = '00000000-0000-4000-8000-000000000001';
const KEY = `the key "door" (${ID})`;
const key = (more: Partial<ListedKey> = {}): ListedKey => ({ id: ID, name: 'door', fingerprint: 'f1', ...more });
type Entry = [action: AuditAction, subject?: Record<string, string | boolean>];
const created: Entry = ['key.created', { fingerprint: 'f1' }];
/** The entry of Lintel 0.2, without a fingerprint. */
const oldCreated: Entry = ['key.created'];
const revoked: Entry = ['key.revoked', { fingerprint: 'f1' }];
const imported = (more: Record<string, string | boolean> = {}): Entry => [
  'key.imported',
  { fingerprint: 'f1', from: 'file', revoked: false, ...more },
];

function compare(entries: readonly Entry[], keys: readonly ListedKey[]): ReturnType<KeyCheck['compare']> {
  const check = new KeyCheck();
  check.add({ sequence: 1, action: 'service.started', subject: { version: '1', config: 'x' } });
  for (const [i, [action, subject]] of entries.entries()) {
    check.add({ sequence: i + 2, action, subject: { id: ID, name: 'door', ...subject } });
  }
  return check.compare(keys);
}

describe('a registry', () => {
  it.each<[string, Entry[], ListedKey[]]>([
    ['a key that was made', [created], [key()]],
    ['a key that was revoked', [created, revoked], [key({ revokedAt: 'today' })]],
    ['a key with a role', [['key.created', { fingerprint: 'f1', role: 'viewer' }]], [key({ role: 'viewer' })]],
    ['an admin key of a version without roles', [created], [key({ role: 'admin' })]],
    ['a key of Lintel 0.2 that was taken over', [oldCreated, imported()], [key()]],
    ['a revoked key that was taken over', [imported({ revoked: true })], [key({ revokedAt: 'today' })]],
    ['a key of a backup', [imported({ from: 'backup' })], [key()]],
    ['a key that disappeared after its revocation', [oldCreated, revoked], []],
    ['a rotation of the master key', [['key.rotated', { key: 'master' }], created], [key()]],
  ])('agrees with the log: %s', (_, entries, keys) => {
    expect(compare(entries, keys)).toEqual({ problems: [], doubts: [] });
  });

  it.each<[string, Entry[], ListedKey[], string]>([
    [
      'a key that no entry shows',
      [],
      [key()],
      `${KEY} is in the registry, but no entry of the audit log shows that it`,
    ],
    [
      'a registry from before a revocation',
      [created, revoked],
      [key()],
      `${KEY} is valid, but the audit log shows that`,
    ],
    [
      'a role that was raised',
      [['key.created', { fingerprint: 'f1', role: 'viewer' }]],
      [key({ role: 'admin' })],
      `${KEY} has another role than the one`,
    ],
    ['a digest that was replaced', [created], [key({ fingerprint: 'f2' })], `${KEY} has another digest than the one`],
    ['a registry from before a key was made', [created], [], `${KEY} is missing: the audit log shows no revocation`],
    ['an older registry of a taken over key', [imported(), revoked], [key()], `${KEY} is valid, but the audit log`],
  ])('that does not agree is told: %s', (_, entries, keys, sentence) => {
    const { problems, doubts } = compare(entries, keys);
    expect(problems).toEqual([expect.stringContaining(sentence)]);
    expect(doubts).toEqual([]);
  });

  it('has a doubt about a key that was in the plain file of an older version without an entry of its own', () => {
    const { problems, doubts } = compare([imported()], [key()]);
    expect(problems).toEqual([]);
    expect(doubts).toEqual([
      expect.stringContaining(`${KEY} was in the plain registry that an upgrade took over (entry 2)`),
    ]);
    expect(compare([imported(), revoked], [key({ revokedAt: 'today' })]).doubts).toEqual([]);
  });
});
