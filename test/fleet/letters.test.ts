// Letters between members of a fleet: read once each by the one reader they are for, and refused in every other case.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  computeKeysFingerprint,
  createIdentity,
  decodeIdentity,
  decodePublicKeys,
  encodeIdentity,
  encodePublicKeys,
  newFleetId,
  publishIdentity,
} from '../../src/fleet/identity.js';
import { sealFor } from '../../src/fleet/sealed-box.js';
import {
  MAX_LETTER_BYTES,
  readLetter,
  writeLetter,
  type ExpectedLetter,
  type LetterDraft,
  type LetterRefusal,
} from '../../src/fleet/signed-letter.js';

const NOW_MS = Date.parse('2026-11-28T12:00:00Z');
const HOUR_MS = 3_600_000;

describe('an identity', () => {
  it('is the same after it was stored, and its public keys after they were sent', () => {
    const identity = createIdentity();
    const stored = decodeIdentity(encodeIdentity(identity));
    expect(encodeIdentity(stored)).toEqual(encodeIdentity(identity));
    const keys = encodePublicKeys(publishIdentity(identity));
    expect(encodePublicKeys(decodePublicKeys(identity.id, keys))).toEqual(keys);
  });

  it('has a fingerprint of 8 groups of 4 digits, which tells any other key', () => {
    const keys = encodePublicKeys(publishIdentity(createIdentity()));
    const other = encodePublicKeys(publishIdentity(createIdentity()));
    expect(computeKeysFingerprint(keys)).toMatch(/^[0-9a-f]{4}( [0-9a-f]{4}){7}$/);
    const all = [keys, other, { ...keys, sealing: other.sealing }, { ...keys, signing: other.signing }];
    expect(new Set(all.map(computeKeysFingerprint)).size).toBe(4);
  });
});

describe('a letter', () => {
  const fleet = newFleetId();
  const [door, authority, stranger] = [createIdentity(), createIdentity(fleet), createIdentity()];
  const body = { text: 'all is well' };
  const schema = z.strictObject({ text: z.string() });
  const draft: LetterDraft = { kind: 'report', fleet, sequence: 7, issuedAt: new Date(NOW_MS).toISOString(), body };
  const expected: ExpectedLetter = { kind: 'report', fleet, reader: authority, sender: publishIdentity(door), nowMs: NOW_MS }; // prettier-ignore
  const letter = writeLetter(door, publishIdentity(authority), draft);

  it('is read by its reader, and tells nothing to others', () => {
    const read = readLetter(letter, expected, schema);
    expect(read).toMatchObject({ outcome: 'read', sequence: 7, issuedAt: draft.issuedAt, body, isRepeated: false });
    expect(readLetter(letter, { ...expected, after: 7 }, schema)).toMatchObject({ outcome: 'read', isRepeated: true });
    for (const word of ['all is well', 'report', fleet, door.id]) expect(letter.includes(word)).toBe(false);
  });

  const write = (change: Partial<LetterDraft>, from = door, to = authority): Buffer =>
    writeLetter(from, publishIdentity(to), { ...draft, ...change });
  const otherDoor = { ...createIdentity(), id: door.id };
  it.each<[string, LetterRefusal, Buffer, Partial<ExpectedLetter>]>([
    ['signed by a stranger under the name of the door', 'forged', write({}, otherDoor), {}],
    ['of another door', 'forged', write({}, stranger), {}],
    ['of another door with the keys of this one', 'other-sender', write({}, { ...door, id: stranger.id }), {}],
    ['sealed for somebody else', 'sealed-otherwise', write({}, door, stranger), {}],
    ['handed on by its reader', 'other-reader', write({}, door, { ...authority, id: stranger.id }), {}],
    ['of another kind', 'sealed-otherwise', write({ kind: 'proposal' }), {}],
    ['of another fleet', 'other-fleet', write({ fleet: newFleetId() }), {}],
    ['that is older than one that was read', 'replayed', letter, { after: 8 }],
    ['that is too old', 'expired', letter, { nowMs: NOW_MS + HOUR_MS, maxAgeMs: HOUR_MS }],
    ['dated ahead', 'future', letter, { nowMs: NOW_MS - HOUR_MS }],
    ['whose body has another form', 'malformed', write({ body: { text: 1 } }), {}],
    ['with a sequence below 1', 'malformed', write({ sequence: 0 }), {}],
    ['that is no letter', 'sealed-otherwise', randomBytes(300), {}],
    ['without a byte', 'sealed-otherwise', Buffer.alloc(0), {}],
    ['that is too long', 'malformed', Buffer.alloc(MAX_LETTER_BYTES + 1), {}],
    ['that holds nothing', 'forged', sealFor(publishIdentity(authority).sealing, 'letter/report', Buffer.alloc(64)), {}], // prettier-ignore
  ])('%s is refused', (_, refusal, bytes, change) => {
    expect(readLetter(bytes, { ...expected, ...change }, schema)).toEqual({ outcome: 'refused', refusal });
  });

  it('of one kind in the box of another kind is refused', () => {
    // The reader of a proposal seals it again as a report: the signature still says what it was.
    const proposal = write({ kind: 'proposal' });
    const read = readLetter(proposal, { ...expected, kind: 'proposal' }, schema);
    const resealed = sealFor(publishIdentity(authority).sealing, 'letter/report', read.outcome === 'read' ? read.signed : Buffer.alloc(0)); // prettier-ignore
    expect(readLetter(resealed, expected, schema)).toEqual({ outcome: 'refused', refusal: 'other-kind' });
  });

  it('with any bit changed is refused', () => {
    for (let at = 0; at < letter.length; at++) {
      const changed = Buffer.from(letter);
      changed[at]! ^= 1 << (at % 8);
      expect(readLetter(changed, expected, schema).outcome, `byte ${at}`).toBe('refused');
    }
  });
});
